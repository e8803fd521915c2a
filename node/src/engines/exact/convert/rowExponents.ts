import { GROUP, type Groups } from './decodeGroups.ts';
import { fourfold } from './integers.ts';
import type { NormWeights } from './normWeights.ts';

/** bounds of the rows behind one norm. */
export interface RowBounds {
  /** The exponent e_r of a row, before its bias: its values stay under 2^e_r. */
  exponentOf(row: BoundedRow): number;
}

export interface BoundedRow {
  readonly groups: Groups;
  /** The row's multipliers, one for each 32 columns. */
  readonly multipliers: Int16Array;
  /** Its place among the rows of `groups` and `multipliers`. */
  readonly index: number;
  /** T */
  readonly shift: number;
}

/** X-14 for a norm, and for rows that a rotation mixes (`rotated`) or not. */
export function rowBounds({ weights, largest }: NormWeights, { rotated }: { readonly rotated: boolean }): RowBounds {
  const columns = weights.length;
  // k: the smallest so that every u fits 16 bits.
  let k = 0;
  while (Math.ceil(largest / 2 ** k) >= 2 ** 16) k++;
  const magnitudes = Float64Array.from(weights, (weight) => Math.ceil(Math.abs(weight) / 2 ** k));
  const spread = BigInt(columns) * (rotated ? 2n : 1n);
  return {
    exponentOf({ groups, multipliers, index, shift }) {
      const start = index * columns;
      const firstGroup = start / GROUP;
      let sum = 0;
      // Every partial sum is an integer under 2^53: 32 squares under 2^46, then at most 256 products under 2^24 x 2^21.
      for (let group = 0; group < columns / GROUP; group++) {
        let squares = 0;
        for (let c = GROUP * group; c < GROUP * (group + 1); c++) {
          const product = (groups.weights[start + c] ?? 0) * (magnitudes[c] ?? 0);
          squares += product * product;
        }
        const multiplier = multipliers[firstGroup + group] ?? 0;
        sum += multiplier * multiplier * Math.ceil(squares / 2 ** 30);
      }
      if (sum === 0) return 0;
      return Math.max(0, fourfold(spread * BigInt(sum)) - (shift - k - 1));
    },
  };
}

/** e_r with the row's bias, 16 fraction bits: raised until `2^(e_r + 17) >= 2^(e_cs + 17) + 3 * abs(bias)`. */
export function withBias(exponent: number, bias: number): number {
  let raised = exponent;
  // The difference of two powers is exact in a double, their sum with a bias would not be.
  while (2 ** (raised + 17) - 2 ** (exponent + 17) < 3 * Math.abs(bias)) raised++;
  return raised;
}
