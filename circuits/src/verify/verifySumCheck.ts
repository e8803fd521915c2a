import { bn254 } from '@noble/curves/bn254.js';
import { roundsOf } from '../shapes/shape.ts';
import { weightsAt } from '../sumCheck/evaluateMatrix.ts';
import { type HashList, type SumCheckStatement, sumCheckSignals } from '../sumCheck/sumCheckStatement.ts';
import { verifyLayer } from './verifyLayer.ts';
import type { ProofVerdict } from './verifyProof.ts';

export interface VerifySumCheckOptions {
  /** The bytes that the registry has for this shape, never the prover's. */
  readonly verifyingKey: Uint8Array;
  /** All that is in it is the verifier's own, but for the opening, which comes with the proof. */
  readonly statement: SumCheckStatement;
  readonly proof: Uint8Array;
}

export type SumCheckVerdict =
  | ProofVerdict
  | { readonly verdict: 'reject'; readonly rule: 'Z-74'; readonly fault: 'point' | 'value' }
  | { readonly verdict: 'reject'; readonly rule: 'Z-75'; readonly fault: 'weights' };

const { ORDER } = bn254.fields.Fr;

/**
 * Whether y = rshr(W x + b, S) for what is behind two commitments and for this one matrix. The proof is checked first, with what it says that the weights come to, and then the
 * weights: only a proof that holds costs a pass over the matrix, which is as long as the verifier's own matrix. Throws `KEY_INVALID` for a key that no registry admits.
 */
export function verifySumCheck(
  { verifyingKey, statement, proof }: VerifySumCheckOptions,
  { hash }: { readonly hash: HashList },
): SumCheckVerdict {
  const { matrix, opening } = statement;
  const { point, weightsAtPoint } = opening;
  // Z-74: an element above the order would be hashed as another one, or not at all.
  if (point.r.length !== roundsOf(matrix.shape) || ![point.rho, ...Array.from(point.r)].every(isElement))
    return { verdict: 'reject', rule: 'Z-74', fault: 'point' };
  if (!isElement(weightsAtPoint)) return { verdict: 'reject', rule: 'Z-74', fault: 'value' };
  const verdict = verifyLayer({ verifyingKey, signals: sumCheckSignals(statement, hash), proof });
  if (verdict.verdict === 'reject') return verdict;
  // Z-75
  if (weightsAt(matrix.weights, point) !== weightsAtPoint) return { verdict: 'reject', rule: 'Z-75', fault: 'weights' };
  return verdict;
}

/** Of what came over a wire, whatever a decoder made of it. */
function isElement(value: unknown): boolean {
  return typeof value === 'bigint' && value >= 0n && value < ORDER;
}
