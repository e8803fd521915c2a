import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BUNDLED_MODEL_PATH } from '../../../models/bundled.ts';
import { type ExactModelFile, exactModelFile } from '../file/exactModelFile.ts';
import { compileKernels, loadStages } from '../stages/loadStages.ts';
import { type LoadedStages, openStages } from '../stages/openStages.ts';
import { nodeHash } from '../trace/nodeHash.ts';
import { piecesSource } from './piecesSource.ts';
import { receiveModel } from './receiveModel.ts';

const SIZES = { contextSize: 8, sequences: 1, batch: 4, threads: 1 };
const PIECE = 32_768;
const QWEN2 = fileURLToPath(new URL('../../../../../test/models/random-qwen2.gguf', import.meta.url));

let cacheFolder: string;
const models: Record<string, ExactModelFile> = {};
beforeAll(async () => {
  cacheFolder = await mkdtemp(join(tmpdir(), 'karmesh-exact-'));
  models.tied = await exactModelFile(BUNDLED_MODEL_PATH, { cacheFolder });
  models.untied = await exactModelFile(QWEN2, { cacheFolder });
});
afterAll(() => rm(cacheFolder, { recursive: true }));

function modelOf(name: string): ExactModelFile {
  const model = models[name];
  if (model === undefined) throw new RangeError(`There is no model ${name}.`);
  return model;
}

/** What the stages compute for some tokens. */
function outputOf({ stages }: LoadedStages): readonly string[] {
  let residuals: Int32Array | undefined;
  const found: string[] = [];
  for (const { stage } of stages) {
    const rows = [5, 3, 9].map((token, position) => ({ sequence: 0, position, token, wantsLogits: true }));
    ({ residuals } = stage.run(rows, residuals, ({ bytes }) =>
      found.push(Buffer.from(nodeHash(bytes)).toString('hex')),
    ));
  }
  return found;
}

test.each([
  ['tied', []],
  ['tied', [1, 3]],
  ['untied', []],
  ['untied', [1]],
] as const)(
  'a %s model in pieces, cut before %j, is the one in the file, and lets go what has been read',
  async (name, cuts) => {
    const { path, manifest } = modelOf(name);
    const options = { ...SIZES, cuts };
    const source = piecesSource(await receiveModel(createReadStream(path), manifest, { pieceBytes: PIECE }), options);
    expect(source.heldBytes()).toBe(Number(manifest.fileBytes));
    let copied = 0;
    let most = 0;
    const watched = {
      ...source,
      async read(offset: number, into: Uint8Array) {
        await source.read(offset, into);
        copied += into.length;
        most = Math.max(most, copied + source.heldBytes());
      },
    };
    const startHelper = () => Promise.reject(new RangeError('One thread needs no help.'));
    const module = await compileKernels('simd');
    await using loaded = await openStages(options, { source: watched, module, startHelper });
    expect(source.heldBytes()).toBe(0);
    await using wanted = await loadStages({ ...options, modelPath: path, kernels: 'simd' });
    expect(outputOf(loaded)).toEqual(outputOf(wanted));
    // What is read twice stays.
    const { embedding } = loaded.model.layout;
    const twice = name === 'tied' && cuts.length > 0 ? embedding.bytes : 0;
    expect(most).toBeLessThanOrEqual(source.bytes + twice + 4 * PIECE);
  },
);

test('what has been let go is not read again', async () => {
  const { path, manifest } = modelOf('untied');
  const source = piecesSource(await receiveModel(createReadStream(path), manifest, { pieceBytes: PIECE }), SIZES);
  const startHelper = () => Promise.reject(new RangeError('One thread needs no help.'));
  await openStages(SIZES, { source, module: await compileKernels('plain'), startHelper });
  await expect(source.read(0, new Uint8Array(8))).rejects.toThrow('A part of the model was read that had been let go.');
});

test('a file that is no converted model is refused', () => {
  expect(() => piecesSource([new Uint8Array(4096)], SIZES)).toThrow(expect.objectContaining({ code: 'MODEL_INVALID' }));
  expect(() => piecesSource([], SIZES)).toThrow(expect.objectContaining({ code: 'MODEL_INVALID' }));
});
