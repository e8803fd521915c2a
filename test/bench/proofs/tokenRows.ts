import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { endSnarkjs, openTensorCommitter, setupLayer, verifyLayer, witnessOf } from '@karmesh/circuits';
import { BUNDLED_MODEL_PATH } from '@karmesh/node/models';
import { operatorInputs, traceShape } from '@karmesh/sdk/protocol';
import { exactModelFile } from '../../../node/src/engines/exact/file/exactModelFile.ts';
import { operatorCircuits } from '../../../node/src/engines/exact/proofs/operatorCircuits.ts';
import { prepareOperator } from '../../../node/src/engines/exact/proofs/prepareOperator.ts';
import { provableRun } from '../../../node/src/fixtures/provableRun.ts';
import { type BenchRow, benchRow } from '../report.ts';
import { measured, mebibytes } from './measured.ts';

const CONTEXT = 64;
const AIM_SECONDS = 300;

/** Sums over the operators of one name. */
interface Sums {
  count: number;
  constraints: number;
  keyBytes: number;
  setup: number;
  witness: number;
  prove: number;
  verify: number;
}

/** Proves every operator of one token of the bundled model behind 63 others, with the kernel as a program, verifies the proofs and the links between them. */
export async function tokenRows(options: {
  readonly folder: string;
  readonly program: string;
  readonly talk: (line: string) => void;
}): Promise<readonly BenchRow[]> {
  const { folder, program, talk } = options;
  const { path } = await exactModelFile(BUNDLED_MODEL_PATH, { cacheFolder: folder });
  const prompt = Array.from({ length: CONTEXT }, (_, i) => 3 + ((i * 37) % 900));
  await using made = await provableRun(path, { prompt, limit: 1 });
  const { run, model, traceModel } = made;
  const parts = { circuits: await operatorCircuits(model), commit: await openTensorCommitter(), traceModel };
  const position = CONTEXT - 1;
  const sums = new Map<string, Sums>();
  const keys = new Set<string>();
  const said = new Map<string, bigint>();
  let links = 0;
  let proofs = 0;
  const cpu = async <T>(work: () => Promise<T> | T): Promise<readonly [result: T, seconds: number]> => {
    const began = process.cpuUsage();
    const result = await work();
    const { user, system } = process.cpuUsage(began);
    return [result, (user + system) / 1e6];
  };
  for (const { name, layer } of traceShape(traceModel, { level: 'operators', promptTokens: 1 }).tensors) {
    if (name === 'embedding') continue;
    const place = { name, layer, position };
    const prepared = await prepareOperator(run, { place, context: 1n, positions: CONTEXT }, parts);
    const { shape, weights, circuit, inputs, signals } = prepared;
    const [key, setup] = await cpu(() => setupLayer({ shape, weights, folder, seed: new Uint8Array(32) }));
    const [witness, witnessing] = await cpu(() => witnessOf(key.witnessProgram, inputs));
    const at = (file: string): string => join(folder, file);
    await writeFile(at('wtns'), witness);
    const { cpuSeconds } = await measured([program, 'prove', key.zkey, at('wtns'), at('proof'), at('public')]);
    const proof = Uint8Array.from(await readFile(at('proof')));
    const { verifyingKey } = key;
    const [verdict, verifying] = await cpu(() => verifyLayer({ verifyingKey, signals, proof }));
    if (verdict.verdict !== 'accept') throw new Error(`${name} of layer ${layer}: ${verdict.fault}`);
    proofs++;
    // What an operator reads at this position is what another one’s proof says that it gives.
    for (const [i, input] of operatorInputs(place, traceModel.layers).entries()) {
      const read = `${input.name} ${input.layer}`;
      const signal = circuit.signals[i];
      if (input.position !== position || name === 'attention' || signal === undefined) continue;
      if (said.has(read)) {
        if (said.get(read) !== signals[i]) throw new Error(`${name} of layer ${layer} reads another ${input.name}.`);
        links++;
      }
    }
    const output = circuit.signals.findIndex((signal) => signal === 'commitmentY' || signal === 'commitmentO');
    if (output >= 0) said.set(`${name} ${layer}`, signals[output] ?? 0n);
    const of = sums.get(name) ?? { count: 0, constraints: 0, keyBytes: 0, setup: 0, witness: 0, prove: 0, verify: 0 };
    of.count++;
    of.constraints = key.constraints;
    // Operators without weights share keys.
    if (!keys.has(key.zkey)) of.keyBytes += (await stat(key.zkey)).size;
    keys.add(key.zkey);
    of.setup += setup;
    of.witness += witnessing;
    of.prove += cpuSeconds;
    of.verify += verifying;
    sums.set(name, of);
    talk(`${name} of layer ${layer ?? '-'}: proven in ${(witnessing + cpuSeconds).toFixed(1)} CPU-s`);
  }
  await endSnarkjs();
  talk('operator: times, constraints of one, keys, CPU-s of keys, witnesses, proofs, verification');
  for (const [name, of] of sums)
    talk(
      `${name}: ${of.count}, ${of.constraints}, ${mebibytes(of.keyBytes)}, ${[of.setup, of.witness, of.prove, of.verify].map((value) => value.toFixed(2)).join(', ')}`,
    );
  talk(`${proofs} proofs verified, ${links} links checked. The embedding is opened.`);
  const total = [...sums.values()].reduce((sum, { witness, prove }) => sum + witness + prove, 0);
  return [
    benchRow({
      what: `all ${proofs} operators of a token at context ${CONTEXT}, witnesses included`,
      ours: total,
      rivalName: 'the aim',
      rival: AIM_SECONDS,
      unit: 'CPU-s',
      atMost: 1,
    }),
  ];
}
