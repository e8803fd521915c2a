import { bn254 } from '@noble/curves/bn254.js';
import type { Weights } from '../r1cs/appendRows.ts';
import { integersOf } from './integersOf.ts';

const { Fr } = bn254.fields;

// A sum of 2^12 products of 17 and 24 bits is below 2^53: no float of a sum is ever rounded.
const LIMB_BITS = 17;
const PART_BITS = 24;
const MOST_PRODUCTS = 2 ** 12;
const LIMBS = Math.ceil(Fr.BITS / LIMB_BITS);
const PART = 2 ** PART_BITS;

/** Integers below 2^24 that are to be added so many times. */
interface Term {
  readonly factor: bigint;
  readonly values: Float64Array;
}

/**
 * The rows of a matrix, each times a field element, summed: `sum_i factors[i] row(i)`, one field element for each column, exact for all integers below 2^53.
 * Throws `BAD_INPUT` for an entry that is none and for a row of another length.
 */
export function combineRows({ rows, columns, row }: Weights, factors: readonly bigint[]): readonly bigint[] {
  const sums = Array.from({ length: LIMBS }, () => new Float64Array(columns));
  const totals = Array<bigint>(columns).fill(0n);
  let waiting: Term[] = [];
  let products = 0;
  const addWaiting = (): void => {
    for (const [limb, sum] of sums.entries()) addFour(sum, waiting, limb * LIMB_BITS);
    waiting = [];
  };
  const flush = (): void => {
    addWaiting();
    for (const [limb, sum] of sums.entries()) {
      const shift = BigInt(limb * LIMB_BITS);
      for (let j = 0; j < columns; j++) totals[j] = (totals[j] ?? 0n) + (BigInt(sum[j] ?? 0) << shift);
      sum.fill(0);
    }
    products = 0;
  };
  const add = ({ factor, values }: Term): void => {
    if (largestOf(values) >= PART) {
      const high = values.map((value) => Math.trunc(value / PART));
      const low = values.map((value, j) => value - (high[j] ?? 0) * PART);
      add({ factor, values: low });
      add({ factor: Fr.create(factor << BigInt(PART_BITS)), values: high });
      return;
    }
    if (products === MOST_PRODUCTS) flush();
    products++;
    if (waiting.push({ factor, values }) === 4) addWaiting();
  };
  for (let i = 0; i < rows; i++) add({ factor: factors[i] ?? 0n, values: integersOf(row(i), columns) });
  flush();
  return totals.map((total) => Fr.create(total));
}

const NOTHING = new Float64Array(0);

/** Adds up to four terms to a limb's sums in one pass, since reading and writing those takes longer than the products. */
function addFour(sum: Float64Array, terms: readonly Term[], shift: number): void {
  const limb = (i: number): number => Number(BigInt.asUintN(LIMB_BITS, (terms[i]?.factor ?? 0n) >> BigInt(shift)));
  const values = (i: number): Float64Array => terms[i]?.values ?? terms[0]?.values ?? NOTHING;
  const [a, b, c, d] = [limb(0), limb(1), limb(2), limb(3)];
  const [p, q, r, s] = [values(0), values(1), values(2), values(3)];
  for (let j = 0; j < p.length; j++)
    sum[j] = (sum[j] ?? 0) + a * (p[j] ?? 0) + b * (q[j] ?? 0) + c * (r[j] ?? 0) + d * (s[j] ?? 0);
}

function largestOf(values: Float64Array): number {
  let largest = 0;
  for (let j = 0; j < values.length; j++) largest = Math.max(largest, Math.abs(values[j] ?? 0));
  return largest;
}
