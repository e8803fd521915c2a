import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { pythonTools } from './pythonTools.ts';
import { ANSWER, API_KEY, MODEL, type ScriptedGateway, startScriptedGateway } from './scriptedMarket.ts';

// OpenAI's client for Python, unmodified, against the gateway's HTTP interface. It comes from pip, once, into .tools.

const VERSION = '3.54.0';
const script = fileURLToPath(new URL('python_client.py', import.meta.url));
const run = promisify(execFile);

const programs = await pythonTools('openai', VERSION);
const python = programs === undefined ? undefined : join(programs, 'python');
let gateway: ScriptedGateway;
beforeAll(async () => {
  gateway = await startScriptedGateway();
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
});

test.skipIf(python === undefined)('the client for Python gets what it asks for', { timeout: 60_000 }, async () => {
  if (python === undefined) throw new Error('no python3');
  const { stdout } = await run(python, [script, gateway.url, API_KEY, MODEL], { timeout: 50_000 });
  expect(JSON.parse(stdout)).toEqual({
    chat: { text: ANSWER, finish: 'stop', tokens: 10, verdict: 'agreed', requestIdStands: true },
    stream: { text: ANSWER, tokens: 10, assurance: 'stream', lane: 'gold' },
    several: { texts: [ANSWER, ANSWER, ANSWER], evidence: 3 },
    tool: { city: 'Rome' },
    completions: ['a', 'b'],
    completionStream: 'abc',
    models: [MODEL],
    model: 'karmesh',
    errors: [
      ['NotFoundError', 404, 'The model `none` does not exist or you do not have access to it.'],
      ['BadRequestError', 400, "Unsupported parameter: 'top_p' is not supported by this market with this value."],
      ['AuthenticationError', 401, 'Incorrect API key provided.'],
    ],
  });
});
