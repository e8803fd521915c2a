import { bn254 } from '@noble/curves/bn254.js';
import type { CircuitSignals, Groth16Proof } from 'snarkjs';
import { CircuitsError } from '../errors.ts';
import { bytesOf } from '../verify/points.ts';
import type { Prover } from './prover.ts';

let loading: Promise<typeof import('snarkjs')> | undefined;

/** Half a second of a processor’s time, which only those pay who make proofs or keys. */
export function loadSnarkjs(): Promise<typeof import('snarkjs')> {
  loading ??= import('snarkjs');
  return loading;
}

/** snarkjs’ prover. Its threads end when it is disposed. */
export function snarkjsProver(): Prover & AsyncDisposable {
  return {
    async prove({ zkey, witness }) {
      const { groth16 } = await loadSnarkjs();
      const { proof, publicSignals } = await groth16
        .prove(zkey, { type: 'mem', data: witness } as unknown as Uint8Array)
        .catch((cause: unknown) => {
          throw new CircuitsError('FILE_INVALID', 'snarkjs cannot prove this witness under this key.', {}, cause);
        });
      return { proof: proofBytes(proof), signals: publicSignals.map(BigInt) };
    },
    [Symbol.asyncDispose]: endSnarkjs,
  };
}

/** snarkjs keeps the threads of a curve for whoever comes next, until they are ended. */
export async function endSnarkjs(): Promise<void> {
  if (loading === undefined) return;
  const curve = await ((await loading) as unknown as CurveOwner).curves.getCurveFromName('bn128');
  await curve.terminate();
}

interface CurveOwner {
  readonly curves: { getCurveFromName(name: string): Promise<{ terminate(): Promise<void> }> };
}

/** A witness of a circuit by the program that circom made for it. Throws `NO_WITNESS` for inputs that have none. */
export async function witnessOf(program: string, inputs: CircuitSignals): Promise<Uint8Array> {
  const target: { type: 'mem'; data?: Uint8Array } = { type: 'mem' };
  try {
    const { wtns } = await loadSnarkjs();
    await wtns.calculate(inputs, program, target as unknown as Uint8Array);
  } catch (cause) {
    throw new CircuitsError('NO_WITNESS', 'The circuit has no witness for these values.', {}, cause);
  }
  return target.data ?? new Uint8Array(0);
}

/** snarkjs’ decimal coordinates as a proof’s bytes. */
export function proofBytes({ pi_a, pi_b, pi_c }: Groth16Proof): Uint8Array {
  const at = (values: readonly string[] | undefined, i: number): bigint => BigInt(values?.[i] ?? 0);
  const [bx, by] = pi_b;
  const numbers = [at(pi_a, 0), at(pi_a, 1), at(bx, 1), at(bx, 0), at(by, 1), at(by, 0), at(pi_c, 0), at(pi_c, 1)];
  return bytesOf(numbers.map((number) => bn254.fields.Fp.create(number)));
}

/** The verifying key of a .zkey file, as `verifyingKey.ts` reads it. */
export async function verifyingKeyBytes(zkey: string): Promise<Uint8Array> {
  const { zKey } = await loadSnarkjs();
  const key = (await zKey.exportVerificationKey(zkey)) as VerificationKeyJson;
  const g1 = ([x = '0', y = '0']: readonly string[]): readonly bigint[] => [BigInt(x), BigInt(y)];
  const g2 = ([x, y]: readonly (readonly string[])[]): readonly bigint[] =>
    [x?.[1], x?.[0], y?.[1], y?.[0]].map((value) => BigInt(value ?? 0));
  return bytesOf([
    ...g1(key.vk_alpha_1),
    ...g2(key.vk_beta_2),
    ...g2(key.vk_gamma_2),
    ...g2(key.vk_delta_2),
    ...key.IC.flatMap(g1),
  ]);
}

interface VerificationKeyJson {
  readonly vk_alpha_1: readonly string[];
  readonly vk_beta_2: readonly (readonly string[])[];
  readonly vk_gamma_2: readonly (readonly string[])[];
  readonly vk_delta_2: readonly (readonly string[])[];
  readonly IC: readonly (readonly string[])[];
}
