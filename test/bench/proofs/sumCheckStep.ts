import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  circuitInputs,
  circuitOf,
  compileShape,
  type DigestedMatrix,
  digestMatrix,
  endSnarkjs,
  openTensorCommitter,
  setupLayer,
  snarkjsProver,
  sumCheckInputs,
  sumCheckOf,
  verifySumCheck,
  weightsAt,
  witnessOf,
} from '@karmesh/circuits';
import { benchLayer } from './layer.ts';

// One step of a proof by sum-check in a process of its own: sumCheckStep.ts STEP FOLDER ROWS COLUMNS [ZKEY].
const [step = '', folder = '', rows = '', columns = '', path = ''] = process.argv.slice(2);
const { shape: linear, weights: made, x } = benchLayer(Number(rows), Number(columns));
const shape = sumCheckOf(linear);
const circuit = circuitOf(shape);
const at = (name: string): string => join(folder, `${circuit.name}.${name}`);

/** In memory, as who proves or verifies has it. */
function weightsInMemory(): typeof made {
  const held = Array.from({ length: made.rows }, (_, i) => made.row(i));
  return { ...made, row: (index) => held[index] ?? [] };
}

/** The digest is that of the step `digest`: who proves or verifies takes it once for a matrix. */
async function matrixOf(weights = weightsInMemory()): Promise<DigestedMatrix> {
  return { shape, weights, digest: BigInt(await readFile(at('digest'), 'utf8')) };
}

const inputsOf = async (matrix: DigestedMatrix) =>
  sumCheckInputs(
    matrix,
    { x, blindings: { blindingX: 5n, blindingY: 6n, blindingPoint: 2n ** 252n + 8n }, context: 7n },
    { commit: await openTensorCommitter() },
  );

/** Processor seconds of a call. */
function secondsOf(call: () => void): number {
  const began = process.cpuUsage();
  call();
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1e6;
}

switch (step) {
  case 'setup': {
    const { zkey, constraints } = await setupLayer({ shape, folder, seed: new Uint8Array(32) });
    const { size } = await stat(zkey);
    process.stdout.write(JSON.stringify({ constraints, keyBytes: size, zkey }));
    break;
  }
  case 'digest': {
    const weights = weightsInMemory();
    let digest = 0n;
    process.stdout.write(String(secondsOf(() => ({ digest } = digestMatrix(shape, weights)))));
    await writeFile(at('digest'), String(digest));
    break;
  }
  case 'witness': {
    const { inputs } = await inputsOf(await matrixOf());
    await writeFile(at('wtns'), await witnessOf((await compileShape(circuit, folder)).witness, inputs));
    break;
  }
  case 'snarkjs': {
    const { proof } = await snarkjsProver().prove({ zkey: path, witness: await readFile(at('wtns')) });
    await writeFile(at('proof'), proof);
    break;
  }
  case 'verify': {
    const matrix = await matrixOf();
    const { statement } = await inputsOf(matrix);
    const { verifyingKey } = JSON.parse(await readFile(`${path}.json`, 'utf8')) as { readonly verifyingKey: string };
    const proof = Uint8Array.from(await readFile(at('proof')));
    const options = { verifyingKey: Uint8Array.from(Buffer.from(verifyingKey, 'hex')), statement, proof };
    const hash = await openTensorCommitter();
    const verdict = verifySumCheck(options, { hash });
    if (verdict.verdict !== 'accept') throw new Error(`The proof does not verify: ${verdict.fault}.`);
    const computeAgain = (): unknown =>
      circuitInputs(linear, matrix.weights, { tensors: { x }, blindings: {}, context: 0n });
    // The first calls read the key and are compiled as they run.
    computeAgain();
    const verify = secondsOf(() => verifySumCheck(options, { hash }));
    const evaluate = secondsOf(() => weightsAt(matrix.weights, statement.opening.point));
    const again = secondsOf(computeAgain);
    process.stdout.write(JSON.stringify({ verify, evaluate, again }));
    break;
  }
}
await endSnarkjs();
