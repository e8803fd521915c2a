import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  appendRows,
  brokenConstraints,
  compileShape,
  elementBytes,
  endSnarkjs,
  openTensorCommitter,
  readR1cs,
  readWitness,
  witnessOf,
} from '@karmesh/circuits';
import { concatBytes, traceShape } from '@karmesh/sdk/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { provableRun } from '../../../fixtures/provableRun.ts';
import { exactModelFile } from '../file/exactModelFile.ts';
import { operatorCircuits } from './operatorCircuits.ts';
import { type ProvableRun, prepareOperator } from './prepareOperator.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-circuits-'));
});
afterAll(async () => {
  await endSnarkjs();
  await rm(folder, { recursive: true });
});

const repository = new URL('../../../../../', import.meta.url);
const CONTEXT = 77n;

/** How each operator of some positions fares: its circuit, and what is wrong with it. */
async function everyOperator(
  file: string,
  options: { readonly positions: number; readonly at: readonly number[]; readonly layers: readonly number[] },
) {
  const { path } = await exactModelFile(fileURLToPath(new URL(file, repository)), { cacheFolder: folder });
  await using made = await provableRun(path, { prompt: [1, 3, 10, 7, 5], limit: 3 });
  const { run, model, traceModel } = made;
  const circuits = await operatorCircuits(model);
  const commit = await openTensorCommitter();
  const faults: string[] = [];
  const shapes = new Set<string>();
  for (const { name, layer } of traceShape(traceModel, { level: 'operators', promptTokens: 1 }).tensors) {
    if (name === 'embedding' || (layer !== undefined && !options.layers.includes(layer))) continue;
    for (const position of options.at) {
      if (
        name === 'attention'
          ? position >= options.positions
          : (name === 'finalNorm' || name === 'logits') && position < 4
      )
        continue;
      const prepared = await prepareOperator(
        run,
        { place: { name, layer, position }, context: CONTEXT, positions: options.positions },
        { circuits, commit, traceModel },
      );
      const { circuit, inputs, weights, signals } = prepared;
      const compiled = await compileShape(circuit, folder);
      shapes.add(circuit.name);
      const values = readWitness(await witnessOf(compiled.witness, inputs));
      const shape = readR1cs(await readFile(compiled.r1cs));
      const whole = weights === undefined ? shape : readR1cs(concatBytes(...appendRows(shape, circuit, weights)));
      const at = `${name} of layer ${layer} at ${position}`;
      if (signals.some((signal, i) => values[1 + i] !== signal)) faults.push(`${at}: other signals`);
      if (brokenConstraints(whole, values).length > 0) faults.push(`${at}: broken constraints`);
    }
  }
  return { faults, shapes: shapes.size };
}

test('Z-11: every operator of a layer of 24 bits with biases, and the head, has a witness with the trace’s commitments', async () => {
  const found = await everyOperator('test/models/random-qwen2.gguf', { positions: 4, at: [3, 6], layers: [1] });
  expect(found).toEqual({ faults: [], shapes: 10 });
});

test('commitments that are known are not computed again, and the statement is the same', async () => {
  const file = fileURLToPath(new URL('test/models/random-qwen2.gguf', repository));
  const { path } = await exactModelFile(file, { cacheFolder: folder });
  await using made = await provableRun(path, { prompt: [1, 3, 10, 7, 5], limit: 3 });
  const { run, model, traceModel } = made;
  const parts = { circuits: await operatorCircuits(model), traceModel };
  const committer = await openTensorCommitter();
  const count = { tensors: 0 };
  const counting = Object.assign(
    (options: Parameters<typeof committer>[0]) => {
      count.tensors++;
      return committer(options);
    },
    { list: committer.list },
  );
  const bits = new Map(
    traceShape(traceModel, { level: 'operators', promptTokens: 1 }).tensors.map(({ name, layer, bits: of }) => [
      `${name} ${layer}`,
      of,
    ]),
  );
  const commitment: ProvableRun['commitment'] = (of) =>
    committer({
      values: run.tensor(of),
      bits: bits.get(`${of.name} ${of.layer}`) ?? 0,
      blinding: elementBytes(run.blinding(of)),
    });
  for (const [name, computed] of [
    ['attention', 10],
    ['residual', 3],
    ['gate', 2],
  ] as const) {
    const options = { place: { name, layer: 0, position: 3 }, context: CONTEXT, positions: 4 };
    const { signals } = await prepareOperator(run, options, { ...parts, commit: counting });
    expect([name, count.tensors]).toEqual([name, computed]);
    count.tensors = 0;
    const known = await prepareOperator({ ...run, commitment }, options, { ...parts, commit: counting });
    expect([known.signals, count.tensors]).toEqual([signals, 0]);
  }
});
