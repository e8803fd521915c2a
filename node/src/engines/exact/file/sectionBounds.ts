import { KarmeshError } from '@karmesh/sdk/errors';

// X-40 holds for the numbers that a conversion writes. Who loads a converted file of somebody else checks with these that its numbers are such: 8-bit weights and
// frequencies may be any, all others have bounds.

/** norm weights are of a magnitude under 2^22. Throws `MODEL_INVALID`. */
export function checkNormSection(weights: Int32Array): void {
  refuse('norm weight', weights, (weight) => Math.abs(weight) >= 2 ** 22);
}

/** biases are of a magnitude under 2^30. Throws `MODEL_INVALID`. */
export function checkBiasSection(biases: Int32Array): void {
  refuse('bias', biases, (bias) => Math.abs(bias) >= 2 ** 30);
}

/** embedding scales are the bits of finite half-precision floats. Throws `MODEL_INVALID`. */
export function checkScaleSection(scales: Uint16Array): void {
  refuse('embedding scale', scales, (scale) => (scale & 0x7c00) === 0x7c00);
}

/** What X-22 does with a matrix's rows. */
export interface MatrixUse {
  /** Fin and Fout of X-22. */
  readonly input: number;
  readonly output: number;
  /** Multipliers have 15 bits, not 12. */
  readonly head?: boolean;
}

/** T follows from `bits(v)`, which is 59 to 103: m from 1 to 2047 x 2^29, K from 2^58 to under 2^63. */
const LEAST_SHIFT = -5;
const MOST_SHIFT = 39;

/**
 * no multiplier has more than its bits, T is what a scale can make it, and no row is shifted to the left unless its multipliers all are zero, as those of padding
 * rows are. Arrays are in the order of the file. Throws `MODEL_INVALID`.
 */
export function checkMatrixSections(shifts: Int32Array, multipliers: Int16Array, use: MatrixUse): void {
  const most = use.head === true ? 2 ** 15 - 1 : 2 ** 12 - 1;
  refuse('multiplier', multipliers, (multiplier) => Math.abs(multiplier) > most);
  const groups = multipliers.length / shifts.length;
  refuse('shift', shifts, (shift, row) => {
    if (shift < LEAST_SHIFT || shift > MOST_SHIFT) return true;
    return shift + use.input - use.output < 0 && !isZeroRow(multipliers, { row, groups });
  });
}

/** Multipliers lie in the order [rows/8][groups][8 rows]. */
function isZeroRow(multipliers: Int16Array, at: { readonly row: number; readonly groups: number }): boolean {
  const first = Math.floor(at.row / 8) * 8 * at.groups + (at.row % 8);
  for (let group = 0; group < at.groups; group++) if (multipliers[first + 8 * group] !== 0) return false;
  return true;
}

function refuse<T extends Int32Array | Int16Array | Uint16Array>(
  what: string,
  values: T,
  isOutside: (value: number, index: number) => boolean,
): void {
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0;
    if (isOutside(value, i))
      throw new KarmeshError('MODEL_INVALID', 'The converted model has a number that no conversion gives.', {
        what,
        index: i,
        value,
      });
  }
}
