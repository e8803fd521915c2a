import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hash } from '@karmesh/sdk/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BUNDLED_MODEL_PATH } from '../../../models/bundled.ts';
import { exactModelFile } from '../file/exactModelFile.ts';
import { nodeHash } from '../trace/nodeHash.ts';
import { loadStages } from './loadStages.ts';
import type { LoadedStages } from './openStages.ts';
import { decodeStageFrame, encodeStageFrame } from './stageFrames.ts';
import { type StageRequest, type StageWorker, stageWorker } from './stageWorker.ts';

const modelId = hash(new TextEncoder().encode('model'));
const SIZES = { contextSize: 16, sequences: 1, batch: 4 };
const REQUEST: StageRequest = { requestId: modelId, promptTokens: 3, temperatureMicro: 0, level: 'blocks' };

let cacheFolder: string;
let loaded: readonly LoadedStages[];
let workers: readonly StageWorker[];
beforeAll(async () => {
  cacheFolder = await mkdtemp(join(tmpdir(), 'karmesh-exact-'));
  const { path: modelPath } = await exactModelFile(BUNDLED_MODEL_PATH, { cacheFolder });
  const load = (from: number, to: number) =>
    loadStages({ ...SIZES, modelPath, threads: 1, kernels: 'simd', part: { from, to } });
  loaded = [await load(0, 2), await load(2, 4)];
  workers = loaded.map((part) => stageWorker({ ...SIZES, modelId }, { loaded: part, sha256: nodeHash }));
});
afterAll(async () => {
  for (const part of loaded) await part[Symbol.asyncDispose]();
  await rm(cacheFolder, { recursive: true });
});

/** Opens the request at both halves of the model. */
function open(request: StageRequest = REQUEST) {
  const [first, second] = workers.map((worker) => worker.open(request));
  if (first === undefined || second === undefined) throw new RangeError('There are two halves.');
  return {
    first,
    second,
    [Symbol.dispose]() {
      first.close();
      second.close();
    },
  };
}

test('X-60: a stage gives a frame for the layer that comes next, the last one tokens from the prompt’s last position on', () => {
  using runs = open();
  const middle = runs.first.step({ tokens: [1, 3, 278, 203] });
  expect(middle).toMatchObject({ logits: [], chosen: [] });
  const { layer, position, count } = decodeStageFrame(middle.frame, {
    modelId,
    layer: 2,
    position: 0,
    width: 256,
    most: 4,
  });
  expect({ layer, position, count }).toEqual({ layer: 2, position: 0, count: 4 });
  const end = runs.second.step(middle);
  expect([end.chosen.length, end.logits.length, end.frame.length]).toEqual([2, 2, middle.frame.length]);
  expect(decodeStageFrame(end.frame, { modelId, layer: 4, position: 0, width: 256, most: 4 }).count).toBe(4);
});

test('X-60: what is fed wrong is refused, and the run stands where it stood', () => {
  using runs = open();
  const { frame } = runs.first.step({ tokens: [1, 3] });
  const residuals = decodeStageFrame(frame, { modelId, layer: 2, position: 0, width: 256, most: 4 });
  const wrong = [
    { tokens: [1] },
    { frame: encodeStageFrame({ ...residuals, modelId: hash(modelId) }) },
    { frame: encodeStageFrame({ ...residuals, count: 4, width: 128 }) },
    { frame: encodeStageFrame({ ...residuals, layer: 3 }) },
    { frame: encodeStageFrame({ ...residuals, position: 1 }) },
    { frame: frame.subarray(0, -4) },
  ];
  const found = wrong.map((input) => {
    try {
      return runs.second.step(input);
    } catch (error) {
      return error;
    }
  });
  expect(found).toMatchObject([
    { code: 'PROTOCOL_VIOLATION', message: 'A stage was given tokens for activations, or activations for tokens.' },
    { code: 'PROTOCOL_VIOLATION', message: 'A stage was given the activations of another model.' },
    { code: 'PROTOCOL_VIOLATION', message: 'A stage was given activations of another width.' },
    { code: 'PROTOCOL_VIOLATION', message: 'A stage was given the input of another layer.' },
    { code: 'PROTOCOL_VIOLATION', message: 'A stage was given positions out of order.' },
    { code: 'CODEC', message: 'A message between stages has another length than its fields make it.' },
  ]);
  expect(() => runs.first.step({ frame })).toThrow(expect.objectContaining({ code: 'PROTOCOL_VIOLATION' }));
  runs.second.step({ frame });
  expect(() => runs.second.step({ frame })).toThrow('A stage was given positions out of order.');
});

test('a stage has room for as many requests as sequences, and none for one that is over', () => {
  const runs = open();
  expect(() => open()).toThrow(expect.objectContaining({ code: 'QUEUE_FULL' }));
  runs[Symbol.dispose]();
  runs[Symbol.dispose]();
  using next = open();
  expect(() => runs.first.step({ tokens: [1] })).toThrow(expect.objectContaining({ code: 'PROTOCOL_VIOLATION' }));
  expect(() => next.first.step({ tokens: [1, 2, 3, 4, 5] })).toThrow(expect.objectContaining({ code: 'BAD_ARGUMENT' }));
  expect(() => next.first.step({ tokens: [2 ** 20] })).toThrow(expect.objectContaining({ code: 'BAD_ARGUMENT' }));
  expect(() => next.first.leaves(1)).toThrow(expect.objectContaining({ code: 'BAD_ARGUMENT' }));
});

test('a stage runs no position behind a gap, which would attend to what another request left', () => {
  const [first] = loaded[0]?.stages ?? [];
  if (first === undefined) throw new RangeError('A part has a stage.');
  const row = { sequence: 0, token: 1, wantsLogits: false };
  first.stage.run([0, 1, 2].map((position) => ({ ...row, position })));
  // A position that comes again forgets what came behind it.
  first.stage.run([{ ...row, position: 1 }]);
  expect(() => first.stage.run([{ ...row, position: 3 }])).toThrow(
    'A position of a sequence came before the one in front of it.',
  );
  first.stage.run([2, 3].map((position) => ({ ...row, position })));
});
