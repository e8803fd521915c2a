import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createKarmesh } from '@karmesh/sdk/ai-sdk';
import {
  type AnswerVerdict,
  addressFromBase58,
  chainReader,
  fetchBundle,
  payAndVerify,
  readBundleChain,
} from '@karmesh/sdk/client';
import { clusterPreset } from '@karmesh/sdk/clusters';
import { decodeBundle, verifyBundle } from '@karmesh/sdk/protocol';
import { generateText } from 'ai';
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { type Child, startChild } from '../../programs/localnet/src/up/child.ts';
import { type MarketFolder, openMarketFolder } from '../../programs/localnet/src/up/folder.ts';
import { type RunningMarket, startMarket } from '../../programs/localnet/src/up/startMarket.ts';
import { readGuide } from '../e2e/guideBlocks.ts';

// The official client and curl against a whole market of processes: a local cluster, three workers with the bundled model, a gateway.

const karmesh = fileURLToPath(new URL('../../sdk/src/cli/karmesh.ts', import.meta.url));
const gatewayScript = fileURLToPath(new URL('../../web/gateway/main.ts', import.meta.url));
const cluster = clusterPreset('localnet');
let path: string;
let folder: MarketFolder;
let market: RunningMarket;
let restarted: Child | undefined;
let client: OpenAI;
const { signal } = new AbortController();

beforeAll(async () => {
  path = await mkdtemp(join(tmpdir(), 'karmesh-openai-'));
  const whole = await openMarketFolder(path);
  folder = { ...whole, workers: whole.workers.slice(0, 3), validators: [] };
  market = await startMarket({ folder, cluster, slotMs: 400, rpcPort: 0, gatewayPort: 0 }, { signal, talk: () => {} });
  client = new OpenAI({ apiKey: market.gateway.apiKey, baseURL: `${market.gateway.url}/v1`, maxRetries: 0 });
}, 240_000);
afterAll(async () => {
  await restarted?.[Symbol.asyncDispose]();
  await market?.[Symbol.asyncDispose]();
  await rm(path, { recursive: true, force: true });
}, 60_000);

const ask = {
  messages: [{ role: 'user' as const, content: 'What is the capital of France?' }],
  temperature: 0,
  max_tokens: 24,
};
const evidence = z.looseObject({
  requestId: z.string(),
  dispatchNumber: z.string(),
  quorum: z.object({ verdict: z.string(), agreeing: z.number(), asked: z.number() }),
  receipts: z.array(z.looseObject({ outcome: z.string(), shown: z.boolean() })),
});
const karmeshOf = (value: unknown) => z.looseObject({ karmesh: evidence }).parse(value).karmesh;
const agreed = { verdict: 'agreed', agreeing: 3, asked: 3 };
let first: { readonly text: string; readonly requestId: string; readonly dispatchNumber: bigint };

test('a whole completion comes with three receipts that agree', { timeout: 60_000 }, async () => {
  const completion = await client.chat.completions.create({ model: market.modelName, ...ask });
  const karmesh = karmeshOf(completion);
  expect(karmesh.quorum).toEqual(agreed);
  expect(completion.choices[0]?.message.content).not.toBe('');
  expect(completion.usage?.completion_tokens).toBeGreaterThan(0);
  first = {
    text: completion.choices[0]?.message.content ?? '',
    requestId: karmesh.requestId,
    dispatchNumber: BigInt(karmesh.dispatchNumber),
  };
});

test('the same question streamed gives the same text, piece by piece, with its evidence in the last chunk', {
  timeout: 60_000,
}, async () => {
  const stream = await client.chat.completions.create({ model: market.modelName, ...ask, stream: true });
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  const texts = chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').filter((text) => text !== '');
  expect(texts.join('')).toBe(first.text);
  expect(texts.length).toBeGreaterThan(1);
  expect(karmeshOf(chunks.at(-1)).quorum).toEqual(agreed);
});

test('curl streams too', { timeout: 60_000 }, async () => {
  const body = JSON.stringify({ model: market.modelName, ...ask, stream: true, karmesh: { assurance: 'quorum' } });
  const args = ['-sN', '--noproxy', '*', `${market.gateway.url}/v1/chat/completions`];
  const headers = [
    '-H',
    `Authorization: Bearer ${market.gateway.apiKey}`,
    '-H',
    'Content-Type: application/json',
    '-d',
    body,
  ];
  const child = spawn('curl', [...args, ...headers], { stdio: ['ignore', 'pipe', 'inherit'] });
  let stdout = '';
  for await (const text of child.stdout.setEncoding('utf8')) stdout += text;
  const events = stdout.trimEnd().split('\n\n');
  expect(events.at(-1)).toBe('data: [DONE]');
  const pieces = events
    .slice(0, -1)
    .map((event) =>
      z
        .object({ choices: z.array(z.looseObject({ delta: z.object({ content: z.string().optional() }) })) })
        .parse(JSON.parse(event.slice(6))),
    );
  expect(pieces.map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toBe(first.text);
});

test('a prompt over the context is refused by the workers and reported as OpenAI does', {
  timeout: 60_000,
}, async () => {
  const messages = [{ role: 'user' as const, content: 'word '.repeat(20_000) }];
  await expect(client.chat.completions.create({ model: market.modelName, messages })).rejects.toMatchObject({
    status: 400,
    code: 'context_length_exceeded',
    type: 'invalid_request_error',
    param: 'messages',
  });
});

test('the bundle holds as far as an open epoch goes', { timeout: 60_000 }, async () => {
  const bundle = decodeBundle(await fetchBundle(market.gateway, { requestId: first.requestId }));
  const chain = await readBundleChain(market.client, { bundle, offchain: cluster.offchain, signal });
  const verdict = verifyBundle(bundle, chain);
  expect(verdict.checks.filter(({ holds }) => !holds)).toEqual([]);
  expect(verdict.pending.length).toBeGreaterThan(0);
});

test('the gateway’s log shows whose turn it was, and its evidence of workers what they did', {
  timeout: 60_000,
}, async () => {
  const { gateway, rpcUrl } = market;
  const args = ['ticket', 'verify', first.requestId, '--url', rpcUrl, '--gateway', gateway.url];
  const said = await promisify(execFile)(process.execPath, [karmesh, ...args, '--api-key', gateway.apiKey]);
  expect(said.stdout).toMatch(/Ticket \d+ of lane bronze/);
  expect(said.stdout).toContain('0 of 0 validators cosigned');
  const response = await fetch(`${gateway.url}/v1/workers`);
  const known = z
    .object({ runs: z.int(), data: z.array(z.looseObject({ drawn: z.int(), agreed: z.int(), dissented: z.int() })) })
    .parse(await response.json());
  expect(known.runs).toBeGreaterThanOrEqual(3);
  expect(known.data).toHaveLength(3);
  for (const worker of known.data) expect(worker).toMatchObject({ drawn: known.data[0]?.drawn, dissented: 0 });
  expect(known.data.reduce((sum, { agreed: times }) => sum + times, 0)).toBeGreaterThanOrEqual(9);
});

test('answers of a real market hold for a client that checks them', { timeout: 120_000 }, async () => {
  const verdicts: AnswerVerdict[] = [];
  const buy = payAndVerify({
    gateway: { url: market.gateway.url, apiKey: market.gateway.apiKey },
    verify: 'quorum',
    chain: {
      reader: chainReader({ rpcUrl: market.rpcUrl, programId: addressFromBase58(cluster.programId) }),
      isLocal: true,
    },
    onVerified: (verdict) => verdicts.push(verdict),
    signal,
  });
  const checking = new OpenAI({ apiKey: 'unused', baseURL: `${market.gateway.url}/v1`, maxRetries: 0, fetch: buy });
  const named = { model: market.modelName, ...ask };
  await checking.chat.completions.create({ ...named, n: 2, stop: ['zebra'] });
  const stream = await checking.chat.completions.create({ ...named, stream: true });
  for await (const chunk of stream) expect(chunk.object).toBe('chat.completion.chunk');
  await checking.completions.create({ model: market.modelName, prompt: 'Once', max_tokens: 8 });
  const karmesh = createKarmesh({ baseURL: `${market.gateway.url}/v1`, fetch: buy, lane: 'silver' });
  const { providerMetadata } = await generateText({
    model: karmesh(market.modelName),
    prompt: 'Hi',
    maxOutputTokens: 8,
  });
  expect(providerMetadata?.karmesh).toMatchObject({ lane: 'silver', quorum: agreed });
  await buy.idle();
  const found = verdicts.map(({ choices, kind, rule, sentence }) => [kind, rule, sentence, choices.length]);
  expect(found.sort()).toEqual([1, 1, 1, 2].map((choices) => ['holds', undefined, undefined, choices]));
});

test('the programs of build-a-dapp run as they stand there', { timeout: 120_000 }, async () => {
  // Inside of the repository, where a program's imports resolve.
  const place = await mkdtemp(fileURLToPath(new URL('./guide-', import.meta.url)));
  const env = {
    ...process.env,
    KARMESH_GATEWAY: market.gateway.url,
    KARMESH_API_KEY: market.gateway.apiKey,
    KARMESH_URL: market.rpcUrl,
  };
  const printed = new Map<string, string>();
  try {
    for (const block of await readGuide('docs/guides/build-a-dapp.md')) {
      if (block.kind !== 'file') continue;
      const file = join(place, block.name);
      await writeFile(file, block.text);
      const { stdout } = await promisify(execFile)(process.execPath, [file], { env, timeout: 50_000 });
      printed.set(block.name, stdout);
    }
  } finally {
    await rm(place, { recursive: true, force: true });
  }
  expect([...printed.keys()]).toEqual(['verify.ts', 'aiSdk.ts']);
  expect(printed.get('verify.ts')).toContain("kind: 'holds'");
  expect(printed.get('aiSdk.ts')?.match(/lane: '\w+'/g)).toEqual(["lane: 'silver'", "lane: 'bronze'"]);
});

test('a gateway killed in mid-request loses no answer and uses no number twice', { timeout: 120_000 }, async () => {
  const owner = z
    .object({ pid: z.int() })
    .parse(JSON.parse(await readFile(join(folder.gateway.dataDir, 'gateway.lock'), 'utf8')));
  const last = karmeshOf(await client.chat.completions.create({ model: market.modelName, ...ask }));
  // Long enough that the kill comes before its end.
  const messages = [{ role: 'user' as const, content: 'Tell me a story about a fox.' }];
  const long = { ...ask, messages, max_tokens: 256 };
  const stream = await client.chat.completions.create({ model: market.modelName, ...long, stream: true });
  await expect(
    (async () => {
      for await (const chunk of stream) if (chunk.choices[0]?.delta.content) process.kill(owner.pid, 'SIGKILL');
    })(),
  ).rejects.toThrow();

  const { identityFile, dataDir, logFile } = folder.gateway;
  const keyFile = join(path, 'dev-keys', 'api-key.txt');
  const args = [
    '--json',
    '--url',
    market.rpcUrl,
    '--keypair',
    identityFile,
    '--data-dir',
    dataDir,
    '--port',
    '0',
    '--models',
    join(path, 'model-llama.json'),
    '--api-key-file',
    keyFile,
  ];
  // Its new port is learnt by the workers from its announcement; it dials them by the addresses that they announce.
  const bootstrap = market.workers.flatMap(
    ({ ready }) => z.object({ multiaddrs: z.array(z.string()) }).parse(ready).multiaddrs,
  );
  restarted = await startChild(
    { name: 'gateway', script: gatewayScript, args: [...args, '--bootstrap', bootstrap.join(',')], logFile },
    { signal },
  );
  const { url } = z.object({ url: z.string() }).parse(restarted.ready);
  const again = new OpenAI({ apiKey: market.gateway.apiKey, baseURL: `${url}/v1`, maxRetries: 5 });
  const next = karmeshOf(await again.chat.completions.create({ model: market.modelName, ...ask }));
  const bundle = decodeBundle(await fetchBundle({ url, apiKey: market.gateway.apiKey }, { requestId: last.requestId }));
  expect(Buffer.from(bundle.entry.ticket.value.requestId).toString('hex')).toBe(last.requestId);
  expect(next.quorum.verdict).toBe('agreed');
  // Each try that was dispatched and refused, as one before the new process has seen enough of the chain, has a number of its own.
  if (next.epoch === last.epoch)
    expect(BigInt(next.dispatchNumber)).toBeGreaterThanOrEqual(BigInt(last.dispatchNumber) + 2n);
});
