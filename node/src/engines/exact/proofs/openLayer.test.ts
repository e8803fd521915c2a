import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  checkOpenedLayer,
  freivaldsPoint,
  hash,
  type ModelId,
  projectMatrix,
  type TensorName,
} from '@karmesh/sdk/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { provableRun } from '../../../fixtures/provableRun.ts';
import { BUNDLED_MODEL_PATH } from '../../../models/bundled.ts';
import { exactModelFile } from '../file/exactModelFile.ts';
import { openLayer } from './openLayer.ts';
import { type OperatorCircuits, operatorCircuits } from './operatorCircuits.ts';

let folder: string;
let made: Awaited<ReturnType<typeof provableRun>>;
let circuits: OperatorCircuits;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-open-layer-'));
  const { path } = await exactModelFile(BUNDLED_MODEL_PATH, { cacheFolder: folder });
  made = await provableRun(path, { prompt: [1, 3, 10, 7, 5], limit: 2 });
  circuits = await operatorCircuits(made.model);
});
afterAll(async () => {
  await made[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const bytes = (text: string): Uint8Array => hash(new TextEncoder().encode(text));
const pointOf = (operator: number): bigint =>
  freivaldsPoint({ beacon: bytes('beacon') as never, modelId: bytes('model') as unknown as ModelId, operator });

test.for<readonly [TensorName, number]>([
  ['v', 3],
  ['residualBehindAttention', 5],
  ['gate', 7],
  ['up', 8],
  ['residual', 10],
])('Z-62, Z-64: %s of a run of the bundled model holds, and nothing that is one off', async ([name, operator]) => {
  const place = { name, layer: 0, position: 4 };
  const { matrix, opened } = await openLayer(made.run, place, { circuits, traceModel: made.traceModel });
  const projected = projectMatrix(matrix, pointOf(operator));
  expect(checkOpenedLayer(projected, opened)).toEqual({ verdict: 'accept' });
  const { x, y, sums } = opened;
  const sum = sums.with(9, (sums[9] ?? 0n) + 1n);
  expect(checkOpenedLayer(projected, { ...opened, sums: sum })).toMatchObject({ rule: 'Z-62', fault: 'sums' });
  const read = Array.from(x).with(17, (x[17] ?? 0) - 1);
  expect(checkOpenedLayer(projected, { ...opened, x: read })).toMatchObject({ rule: 'Z-62', fault: 'sums' });
  const given = Array.from(y).with(5, (y[5] ?? 0) + 1);
  expect(checkOpenedLayer(projected, { ...opened, y: given })).toMatchObject({ rule: 'Z-64' });
});

test('what is no linear layer is not opened as one', async () => {
  for (const name of ['attentionNorm', 'q', 'attention', 'hidden'] as const)
    await expect(
      openLayer(made.run, { name, layer: 0, position: 4 }, { circuits, traceModel: made.traceModel }),
    ).rejects.toThrow('This operator is not opened as a linear layer.');
});
