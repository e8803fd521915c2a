import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { pythonTools } from '../openai/pythonTools.ts';
import { API_KEY, MODEL } from '../openai/scriptedMarket.ts';
import { startWholeGateway } from './wholeGateway.ts';

// Schemathesis makes requests out of the gateway's OpenAPI document, such as follow it and such as break it, and compares every answer with it. It comes
// from pip, once, into .tools.

const VERSION = '4.32.5';
const SEED = 20261123;
const EXAMPLES = 5;

/** Everything that it checks, but that what follows the document is accepted: no document says which conversation fits a model. */
const CHECKS = ['--checks', 'all', '--exclude-checks', 'positive_data_acceptance'];
/** What it expects where the document is broken, and 413: the largest arrays that it makes are too large. */
const CONFIG = `[checks]
negative_data_rejection.expected-statuses = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429]
`;

const programs = await pythonTools('schemathesis', VERSION);

type Json = { [key: string]: Json };

/** The document, narrowed to what this gateway has, so that requests that follow it get answers: its model, a request, a leaf, a file. */
function narrowed(document: Json): Json {
  const at = (...path: readonly string[]): Json => {
    let object: Json | undefined = document;
    for (const key of path) object = object?.[key];
    if (object === undefined) throw new Error(`The document has no ${path.join('.')}.`);
    return object;
  };
  const fixed = (value: string): Json => ({ type: 'string', enum: [value] }) as unknown as Json;
  const schemas = ['ChatCompletionRequest', 'CompletionRequest', 'QuoteRequest'];
  for (const name of schemas) at('components', 'schemas', name, 'properties').model = fixed(MODEL);
  const values: Readonly<Record<string, Json>> = {
    model: fixed(MODEL),
    hash: fixed('01'.repeat(32)),
    requestId: fixed('01'.repeat(32)),
    file: fixed('page.js'),
    ...Object.fromEntries(
      [
        ...['start', 'index', 'old'].map((name) => [name, [0, 9]] as const),
        ...['end', 'size'].map((name) => [name, [10, 99]] as const),
      ].map(([name, [minimum, maximum]]) => [name, { type: 'integer', minimum, maximum } as unknown as Json]),
    ),
  };
  for (const methods of Object.values(at('paths')))
    for (const { parameters } of Object.values(methods))
      for (const parameter of Object.values(parameters ?? {})) {
        const value = values[String(parameter.name)];
        if (value !== undefined && String(parameter.in) !== 'header') parameter.schema = value;
      }
  return document;
}

test.skipIf(programs === undefined)(
  'whatever Schemathesis asks, the gateway answers as its document says, and never with a fault of its own',
  { timeout: 400_000 },
  async () => {
    if (programs === undefined) throw new Error('no python3');
    await using gateway = await startWholeGateway();
    const folder = await mkdtemp(join(tmpdir(), 'karmesh-schemathesis-'));
    try {
      const document: Json = JSON.parse(await (await fetch(`${gateway.url}/openapi.json`)).text());
      await writeFile(join(folder, 'openapi.json'), JSON.stringify(narrowed(document)));
      await writeFile(join(folder, 'schemathesis.toml'), CONFIG);
      const run = ['--url', gateway.url, '-H', `Authorization: Bearer ${API_KEY}`, ...CHECKS];
      const bounded = ['--phases', 'coverage,fuzzing', '-n', `${EXAMPLES}`, '--seed', `${SEED}`];
      const still = ['--continue-on-failure', '--generation-database', 'none', '--request-timeout', '60', '--no-color'];
      const report = ['--report', 'json', '--report-json-path', 'report.json'];
      const ended = await promisify(execFile)(
        join(programs, 'python'),
        ['-m', 'schemathesis.cli', 'run', 'openapi.json', ...run, ...bounded, ...still, ...report],
        { cwd: folder, timeout: 380_000, maxBuffer: 64_000_000 },
      ).then(
        ({ stdout }) => stdout,
        // It exits with 1 where it has found something, which the report has.
        ({ stdout, stderr }: { readonly stdout: string; readonly stderr: string }) => `${stdout}${stderr}`,
      );
      const found = JSON.parse(await readFile(join(folder, 'report.json'), 'utf8'));
      const operations = Object.values(document.paths ?? {}).flatMap((methods) => Object.keys(methods)).length;
      expect(
        { errors: found.errors, failures: found.failures, complete: found.complete },
        ended.slice(-20_000),
      ).toEqual({
        errors: [],
        failures: [],
        complete: true,
      });
      expect(found.operations).toMatchObject({ total: operations, tested: operations, errored: 0 });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
);
