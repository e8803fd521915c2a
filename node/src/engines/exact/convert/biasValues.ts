import { KarmeshError } from '@karmesh/sdk/errors';
import { dyadicOf } from './dyadic.ts';
import { FACTOR_BITS } from './foldedFactor.ts';
import { rshr } from './integers.ts';

const FRACTION_BITS = 16;
const LIMIT = 1n << 30n;

/** `floor(bias * K / 2^62 * 2^16 + 1/2)`, exactly. Throws `MODEL_INVALID` if one is too large. */
export function biasValues(
  name: string,
  options: { readonly values: Float64Array; readonly factor: bigint },
): Int32Array {
  const { values, factor } = options;
  return Int32Array.from(values, (value) => {
    const { integer, exponent } = dyadicOf(value);
    const bias = rshr(integer * factor, FACTOR_BITS - FRACTION_BITS - exponent);
    if (bias >= LIMIT || bias <= -LIMIT)
      throw new KarmeshError('MODEL_INVALID', 'The model has a bias that is too large for exact arithmetic.', {
        tensor: name,
        bias: value,
      });
    return Number(bias);
  });
}
