import { KarmeshError } from '@karmesh/sdk/errors';
import { isEpsilon } from '../file/exactFile.ts';
import { fourfold } from './integers.ts';

/** a norm in integers. */
export interface NormWeights {
  /** w, 14 fraction bits, each of a magnitude under 2^22. */
  readonly weights: Int32Array;
  /** W: the largest magnitude among them. */
  readonly largest: number;
  /** e of X-13: the output needs a sign and so many bits before the point. */
  readonly exponent: number;
}

const WEIGHT_LIMIT = 2 ** 22;

/** the norm's weights, one for each of D values. Throws `MODEL_INVALID` if one is too large. */
export function normWeights(name: string, values: Float64Array): NormWeights {
  const weights = Int32Array.from(values, (value) => {
    const weight = Math.floor(value * 2 ** 14 + 0.5);
    if (Math.abs(weight) >= WEIGHT_LIMIT)
      throw new KarmeshError('MODEL_INVALID', 'The model has a norm weight that is too large for exact arithmetic.', {
        tensor: name,
        weight: value,
        most: WEIGHT_LIMIT / 2 ** 14,
      });
    return weight;
  });
  const largest = weights.reduce((most, weight) => Math.max(most, Math.abs(weight)), 0);
  // D x W^2 <= 4^(14 + e)
  const exponent = Math.max(0, fourfold(BigInt(values.length) * BigInt(largest) ** 2n) - 14);
  return { weights, largest, exponent };
}

/** E, the constant under the root, 32 fraction bits. Throws `MODEL_INVALID` if it is out of range. */
export function normEpsilon(epsilon: number): bigint {
  const scaled = Math.floor(epsilon * 2 ** 32 + 0.5);
  const integer = Number.isFinite(scaled) ? BigInt(scaled) : 0n;
  if (!isEpsilon(integer))
    throw new KarmeshError('MODEL_INVALID', 'The model’s norms have an epsilon that exact arithmetic cannot hold.', {
      epsilon,
    });
  return integer;
}
