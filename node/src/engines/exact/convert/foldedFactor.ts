import { isqrt } from './integers.ts';

/** The matrices of a model, by what is folded into them. */
export type MatrixRole = 'query' | 'gate' | 'up' | 'plain' | 'head';

/** log2(e) * 2^62, rounded down. */
const LOG2_E = 6653256548922161246n;
/** ln(2) * 2^62, rounded down. */
const LN_2 = 3196577161300663915n;

/** Fraction bits of a folded factor. */
export const FACTOR_BITS = 62;

/** the real factor that a matrix has folded in, as K = kappa * 2^62, rounded down. Scores and gates come out in powers of two. */
export function foldedFactor(role: MatrixRole, headSize: number): bigint {
  switch (role) {
    case 'query':
      return isqrt((LOG2_E * LOG2_E) / BigInt(headSize));
    case 'gate':
      return LOG2_E;
    case 'up':
      return LN_2;
    default:
      return 1n << BigInt(FACTOR_BITS);
  }
}
