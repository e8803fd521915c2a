import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BUNDLED_MODEL_PATH } from '../../../models/bundled.ts';
import { exactModelFile } from '../file/exactModelFile.ts';
import { openModelFile } from '../file/modelFiles.ts';
import { compileKernels, loadStages } from './loadStages.ts';
import { openStages } from './openStages.ts';

const SIZES = { contextSize: 8, sequences: 1, batch: 4 };

let cacheFolder: string;
let modelPath: string;
beforeAll(async () => {
  cacheFolder = await mkdtemp(join(tmpdir(), 'karmesh-exact-'));
  modelPath = (await exactModelFile(BUNDLED_MODEL_PATH, { cacheFolder })).path;
});
afterAll(() => rm(cacheFolder, { recursive: true }));

test('X-60: a part of a model, cut further, holds those layers and no others', async () => {
  const load = (part: { readonly from: number; readonly to: number }, cuts: readonly number[]) =>
    loadStages({ ...SIZES, modelPath, threads: 1, kernels: 'simd', part, cuts });
  await using middle = await load({ from: 1, to: 3 }, [0, 2, 3]);
  expect(middle.stages.map(({ stage: { from, to } }) => [from, to])).toEqual([
    [1, 2],
    [2, 3],
  ]);
  await using end = await load({ from: 3, to: 4 }, []);
  expect(end.stages.map(({ stage: { from, to } }) => [from, to])).toEqual([[3, 4]]);
});

test('a helping thread that does not start takes the others along', async () => {
  await using source = await openModelFile(modelPath);
  const ended: number[] = [];
  const startHelper = async ({ part }: { readonly part: number }): Promise<AsyncDisposable> => {
    if (part === 3) throw new RangeError('There is no third one.');
    return {
      async [Symbol.asyncDispose]() {
        ended.push(part);
      },
    };
  };
  const module = await compileKernels('threads');
  await expect(openStages({ ...SIZES, threads: 4 }, { source, module, startHelper })).rejects.toThrow(
    'There is no third one.',
  );
  expect(ended).toEqual([1, 2]);
});

test('a file that is no converted model is refused before a thread starts', async () => {
  const path = join(cacheFolder, 'cut');
  await using file = await open(path, 'w');
  await file.write(new Uint8Array(50));
  const loading = loadStages({ ...SIZES, modelPath: path, threads: 2, kernels: 'simd' });
  await expect(loading).rejects.toMatchObject({ code: 'MODEL_INVALID' });
});
