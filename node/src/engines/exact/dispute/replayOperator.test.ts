import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hash, operatorInputs } from '@karmesh/sdk/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openExactModel } from '../file/exactModel.ts';
import { exactModelFile } from '../file/exactModelFile.ts';
import { openModelFile } from '../file/modelFiles.ts';
import { runner } from '../run/runner.ts';
import { loadStages } from '../stages/loadStages.ts';
import { nodeHash } from '../trace/nodeHash.ts';
import { traceModelOf } from '../trace/traceModel.ts';
import { judgeLeaf, replayOperator, tensorOf } from './replayOperator.ts';

let cacheFolder: string;
beforeAll(async () => {
  cacheFolder = await mkdtemp(join(tmpdir(), 'karmesh-operators-'));
});
afterAll(() => rm(cacheFolder, { recursive: true }));

const repository = new URL('../../../../../', import.meta.url);
const PROMPT = [1, 3, 30, 20, 50];

// The one has neighbours, its own head and 16 bits; the other biases, halves, a tied head and 24 bits.
test.each(['node/models/tiny-q8_0.gguf', 'test/models/random-qwen2.gguf'])(
  'X-73: every operator of %s, computed from what it reads, gives the leaves of the run',
  async (file) => {
    const { path } = await exactModelFile(fileURLToPath(new URL(file, repository)), { cacheFolder });
    const loaded = await loadStages({
      modelPath: path,
      contextSize: 16,
      sequences: 1,
      batch: 16,
      threads: 1,
      kernels: 'simd',
    });
    const traceModel = traceModelOf(loaded.model);
    const engine = runner(
      { sequences: 1, batch: 16, endTokens: new Set(), ahead: 16 },
      { stages: loaded.stages, traceModel, sha256: nodeHash },
    );
    const request = {
      requestId: hash(new Uint8Array(1)),
      prompt: PROMPT,
      temperatureMicro: 0,
      limit: 3,
      claimed: [7, 8, 9],
      level: 'operators' as const,
    };
    const every = new Set(Array.from({ length: 4096 }, (_, index) => index));
    const run = engine.start({ ...request, open: every }, {});
    while (engine.step());
    const { opened, recorder, positions } = run.finish(3);
    await loaded[Symbol.asyncDispose]();
    const { shape } = recorder;
    const tree = recorder.tree(positions);
    await using source = await openModelFile(path);
    const model = await openExactModel(source);
    const tokens = [...PROMPT, 7, 8, 9];
    const wrong: string[] = [];
    for (let index = 0; index < shape.leaves(positions); index++) {
      const place = shape.placeOf(index);
      const tensor = shape.tensors[place.tensor];
      if (tensor === undefined || place.position % 3 === 0) continue;
      const values = await replayOperator(
        model,
        { ...tensor, position: place.position },
        {
          token: tokens[place.position] ?? 0,
          tensor: (input) => tensorOf(shape, input, (leaf) => opened.get(leaf) ?? new Uint8Array(0)),
        },
      );
      const own = tree.node({ height: 0, index });
      const other = nodeHash(own);
      if (judgeLeaf({ shape, place, values, a: other, b: own }, { sha256: nodeHash }) !== 'b')
        wrong.push(`${tensor.name} of layer ${tensor.layer} at ${place.position}`);
    }
    expect(wrong).toEqual([]);
  },
);

test('X-73: what an operator reads lies before it in the trace', () => {
  expect(operatorInputs({ name: 'attention', layer: 1, position: 1 }, 4)).toEqual([
    { name: 'q', layer: 1, position: 1 },
    { name: 'k', layer: 1, position: 0 },
    { name: 'k', layer: 1, position: 1 },
    { name: 'v', layer: 1, position: 0 },
    { name: 'v', layer: 1, position: 1 },
  ]);
  expect(operatorInputs({ name: 'attentionNorm', layer: 0, position: 2 }, 4)).toEqual([
    { name: 'embedding', layer: undefined, position: 2 },
  ]);
  expect(operatorInputs({ name: 'finalNorm', layer: undefined, position: 2 }, 4)).toEqual([
    { name: 'residual', layer: 3, position: 2 },
  ]);
});
