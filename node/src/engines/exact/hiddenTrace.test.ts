import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openTensorCommitter } from '@karmesh/circuits';
import { concatBytes, encode, hash, toHex, traceRootOf, traceShape, traceTree, u32 } from '@karmesh/sdk/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BUNDLED_MODEL_PATH } from '../../models/bundled.ts';
import { type ExactEngine, exactEngine } from './exactEngine.ts';
import { nodeHash } from './trace/nodeHash.ts';

const named = (name: string) => hash(new TextEncoder().encode(name));
const story = {
  requestId: named('story'),
  messages: [{ role: 'user' as const, content: 'Tell me a story about a fox.' }],
  maxTokens: 12,
  temperatureMicro: 900_000,
  stops: [],
};
const blinding = named('blinding');

let folder: string;
let engine: ExactEngine;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-hidden-'));
  engine = await exactEngine({ modelPath: BUNDLED_MODEL_PATH, cacheFolder: folder });
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

test('X-75: a hidden trace changes no word, is the same for all who have the request, and another one under another blinding', async () => {
  const open = await engine.generate(story);
  const hidden = await engine.generate({ ...story, hiddenBy: blinding });
  const again = await engine.replay({ ...story, ...hidden, hiddenBy: blinding });
  const other = await engine.replay({ ...story, ...hidden, hiddenBy: named('another') });
  expect(hidden.outputTokens).toEqual(open.outputTokens);
  expect(toHex(again.traceRoot ?? named(''))).toBe(toHex(hidden.traceRoot));
  expect(new Set([open, hidden, other].map(({ traceRoot }) => toHex(traceRoot ?? named('')))).size).toBe(3);
});

test('X-74, X-75: the root comes from every leaf’s values, computed here by the page’s words', async () => {
  const { outputTokens, finishReason, promptTokens, traceRoot } = await engine.generate({
    ...story,
    hiddenBy: blinding,
  });
  const answer = { ...story, hiddenBy: blinding, outputTokens, finishReason };
  const shape = traceShape(engine.traceModel, { level: 'committed', promptTokens });
  const positions = promptTokens + outputTokens.length - 1;
  const count = shape.leaves(positions);
  expect(count).toBe(positions * 13);
  const { opened } = await engine.trace(answer, {
    level: 'committed',
    open: new Set(Array.from({ length: count }, (_, i) => i)),
  });
  const commit = await openTensorCommitter();
  const leaves = Array.from({ length: count }, (_, index) => {
    const { position, tensor, chunk } = shape.placeOf(index);
    const isCache = tensor > 0 && tensor % 3 !== 0;
    const bytes = (opened.get(index) ?? new Uint8Array(0)).slice();
    const values = isCache ? Int32Array.from(new Int16Array(bytes.buffer)) : new Int32Array(bytes.buffer);
    expect(values.length).toBe(isCache ? 128 : 256);
    const place = concatBytes(encode(u32, position), encode(u32, tensor), encode(u32, chunk));
    const hidden = hash(new TextEncoder().encode('karmesh:blinding'), blinding, story.requestId, place).slice();
    hidden[31] = (hidden[31] ?? 0) % 32;
    return hash(
      Uint8Array.of(2),
      story.requestId,
      place,
      commit({ values, bits: isCache ? 16 : 32, blinding: hidden }),
    );
  });
  const { root } = traceTree(nodeHash, concatBytes(...leaves), count);
  expect(toHex(traceRootOf(nodeHash, { level: 'committed', promptTokens, positions, root }))).toBe(toHex(traceRoot));
});

test('a request that is handed on as it is, its own blinding with it, asks for no hidden trace', async () => {
  const { traceRoot } = await engine.generate(story);
  const request = { ...story, blinding, assurance: 'quorum' };
  expect(toHex((await engine.generate(request)).traceRoot)).toBe(toHex(traceRoot));
});

test('a trace of commitments without a blinding is refused, and the engine goes on', async () => {
  const { outputTokens, finishReason } = await engine.generate(story);
  await expect(engine.trace({ ...story, outputTokens, finishReason }, { level: 'committed' })).rejects.toThrow(
    'A trace of commitments, and no other one, needs a request’s blinding.',
  );
  expect((await engine.generate(story)).outputTokens).toEqual(outputTokens);
});
