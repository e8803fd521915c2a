import { bn254 } from '@noble/curves/bn254.js';
import { G1_BYTES, G2_BYTES, readG1, readG2 } from './points.ts';
import type { VerifyingKey } from './verifyingKey.ts';

/** A Groth16 proof: A, B and C, as `points.ts` has points. */
export const PROOF_BYTES = 2 * G1_BYTES + G2_BYTES;

const FIELD_ORDER = bn254.fields.Fr.ORDER;

/** Why a proof does not count, by the rules of docs/proofs.md. */
export type ProofFault =
  | 'signal count'
  | 'signal range'
  | 'proof length'
  | 'point A'
  | 'point B'
  | 'point C'
  | 'equation';

export type ProofVerdict =
  | { readonly verdict: 'accept' }
  | { readonly verdict: 'reject'; readonly rule: 'Z-21' | 'Z-22' | 'Z-23'; readonly fault: ProofFault };

export interface VerifyProofOptions {
  /** The registry’s, never the prover’s. */
  readonly key: VerifyingKey;
  /** Every public signal, from what the verifier itself knows, never from the prover. */
  readonly signals: readonly bigint[];
  readonly proof: Uint8Array;
}

/** Checks a Groth16 proof (Groth, "On the Size of Pairing-based Non-interactive Arguments", 2016/260) over BN254. It takes whatever bytes. */
export function verifyProof({ key, signals, proof }: VerifyProofOptions): ProofVerdict {
  // Z-21: a signal that is left out would count as 0, and one above the order as another one’s residue.
  if (signals.length !== key.inputs.length - 1) return reject('Z-21', 'signal count');
  if (signals.some((signal) => signal < 0n || signal >= FIELD_ORDER)) return reject('Z-21', 'signal range');
  // Z-22
  if (proof.length !== PROOF_BYTES) return reject('Z-22', 'proof length');
  const a = readG1(proof.subarray(0, G1_BYTES));
  if (a === undefined) return reject('Z-22', 'point A');
  const b = readG2(proof.subarray(G1_BYTES, G1_BYTES + G2_BYTES));
  if (b === undefined) return reject('Z-22', 'point B');
  const c = readG1(proof.subarray(G1_BYTES + G2_BYTES));
  if (c === undefined) return reject('Z-22', 'point C');
  // Z-23: e(A, B) = e(alpha, beta) e(inputs, gamma) e(C, delta)
  const [constant = bn254.G1.Point.ZERO, ...points] = key.inputs;
  const inputs = points.reduce((sum, point, i) => sum.add(point.multiplyUnsafe(signals[i] ?? 0n)), constant);
  const pairs = [
    { g1: a.negate(), g2: b },
    { g1: key.alpha, g2: key.beta },
    { g1: inputs, g2: key.gamma },
    { g1: c, g2: key.delta },
  ].filter(({ g1, g2 }) => !g1.equals(bn254.G1.Point.ZERO) && !g2.equals(bn254.G2.Point.ZERO));
  const { Fp12 } = bn254.fields;
  return Fp12.eql(bn254.pairingBatch(pairs), Fp12.ONE) ? { verdict: 'accept' } : reject('Z-23', 'equation');
}

function reject(rule: 'Z-21' | 'Z-22' | 'Z-23', fault: ProofFault): ProofVerdict {
  return { verdict: 'reject', rule, fault };
}
