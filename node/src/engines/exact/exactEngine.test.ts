import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hash, toHex } from '@karmesh/sdk/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { engineSuite } from '../../fixtures/engineSuite.ts';
import { BUNDLED_MODEL_PATH } from '../../models/bundled.ts';
import type { GenerateOptions } from '../engine.ts';
import { type ExactEngine, exactEngine } from './exactEngine.ts';

let cacheFolder: string;
beforeAll(async () => {
  cacheFolder = await mkdtemp(join(tmpdir(), 'karmesh-exact-'));
});
afterAll(() => rm(cacheFolder, { recursive: true }));

const open = (options: Partial<Parameters<typeof exactEngine>[0]> = {}): Promise<ExactEngine> =>
  exactEngine({ modelPath: BUNDLED_MODEL_PATH, cacheFolder, ...options });

engineSuite('the exact engine', { open, honestGapMicro: 0 });

const story: GenerateOptions = {
  requestId: hash(new TextEncoder().encode('story')),
  messages: [{ role: 'user', content: 'Tell me a story about a fox.' }],
  maxTokens: 48,
  temperatureMicro: 900_000,
  stops: [],
};

test('describes one class for all hardware, and the converted model under its own name', async () => {
  await using engine = await open();
  const { engineClass, manifest, modelId } = engine.describe();
  expect(engineClass).toEqual({
    engine: 'karmesh-exact',
    build: 'exact-1',
    cpuKernel: 'any',
    settings: 'trace=blocks context=512',
  });
  expect({ name: manifest.name, quantisation: manifest.quantisation, bytes: manifest.fileBytes }).toEqual({
    name: 'tiny-spike-exact',
    quantisation: 'exact-1 narrow',
    bytes: 3_532_352n,
  });
  expect(toHex(modelId)).toMatchInlineSnapshot(`"79425aafc3fd9145667aa3c52dbd3915986b4770b2c22f3ef3e2be6f70b7a8a5"`);
});

test('X-71: two threads, no vectors, one sequence: the same answer and the same trace root', async () => {
  const found = [];
  for (const options of [{}, { threads: 2 }, { kernels: 'plain' as const }, { sequences: 1 }]) {
    await using engine = await open(options);
    const { outputTokens, traceRoot } = await engine.generate(story);
    found.push({ outputTokens, traceRoot: toHex(traceRoot) });
  }
  expect(found).toEqual(Array(4).fill(found[0]));
});

test('a replay in one batched pass comes to the trace root of the answer, and of no other', async () => {
  await using engine = await open();
  const { outputTokens, finishReason, traceRoot } = await engine.generate(story);
  const honest = await engine.replay({ ...story, outputTokens, finishReason });
  expect(toHex(honest.traceRoot ?? new Uint8Array(0))).toBe(toHex(traceRoot));
  expect(honest.measurements).toMatchObject({ differing: 0, largestGapMicro: 0n, gapSumMicro: 0n });
  const other = await engine.replay({ ...story, outputTokens: outputTokens.with(2, 77), finishReason });
  expect(toHex(other.traceRoot ?? new Uint8Array(0))).not.toBe(toHex(traceRoot));
  expect(other.measurements.differing).toBeGreaterThanOrEqual(1);
});

test('a thread that is ahead of a stop text leaves no token and no trace of it', async () => {
  await using engine = await open();
  const whole = await engine.generate(story);
  const word = whole.text.slice(10, 14);
  const stopped = await engine.generate({ ...story, stops: [word] });
  const { outputTokens, finishReason } = stopped;
  expect(outputTokens.length).toBeLessThan(whole.outputTokens.length);
  const again = await engine.replay({ ...story, stops: [word], outputTokens, finishReason });
  expect({ end: again.end, root: toHex(again.traceRoot ?? new Uint8Array(0)) }).toEqual({
    end: 'right',
    root: toHex(stopped.traceRoot),
  });
});

test('more requests than sequences wait for their turn and end the same', async () => {
  await using engine = await open({ sequences: 2 });
  const alone = await engine.generate(story);
  const all = await Promise.all(Array.from({ length: 7 }, () => engine.generate(story)));
  expect(all.map(({ traceRoot }) => toHex(traceRoot))).toEqual(Array(7).fill(toHex(alone.traceRoot)));
});

test('a closed engine says so', async () => {
  const engine = await open();
  await engine[Symbol.asyncDispose]();
  await expect(engine.generate(story)).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
});
