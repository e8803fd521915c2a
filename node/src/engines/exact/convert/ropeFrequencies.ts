import { KarmeshError } from '@karmesh/sdk/errors';
import { dyadicOf } from './dyadic.ts';
import { exp, ln, PI } from './fixedPoint.ts';
import { rdiv } from './integers.ts';

export interface RopeOptions {
  /** hd, even. */
  readonly headSize: number;
  /** `rope.freq_base`, at least 1. */
  readonly base: number;
  /** `rope.scaling.factor` of a linear scaling, else 1; above 0. */
  readonly factor: number;
  /** One divisor above 0 for each pair, or undefined for 1 each. */
  readonly divisors: readonly number[] | undefined;
}

/**
 * for each pair i the frequency in turns, `round(2^64 * base^(-2i/hd) / (2 pi * factor * divisor_i))`. Throws `MODEL_INVALID` if a value is
 * out of its range or a frequency is a turn or more, which no angle can tell from a smaller one.
 */
export function ropeFrequencies({ headSize, base, factor, divisors }: RopeOptions): BigUint64Array {
  if (!(base >= 1 && base < Number.POSITIVE_INFINITY)) throw impossible('base', base);
  const logarithm = ln(base);
  const frequencies = new BigUint64Array(headSize / 2);
  for (let i = 0; i < frequencies.length; i++) {
    const divisor = divisors === undefined ? 1 : (divisors[i] ?? 0);
    for (const [what, value] of [['factor', factor] as const, ['divisor', divisor] as const])
      if (!(value > 0 && value < Number.POSITIVE_INFINITY)) throw impossible(what, value);
    const power = exp((-2n * BigInt(i) * logarithm) / BigInt(headSize));
    const [first, second] = [dyadicOf(factor), dyadicOf(divisor)];
    const exponent = first.exponent + second.exponent;
    // Both sides have 512 fraction bits, so that these cancel.
    const turns = (power << 64n) << BigInt(Math.max(0, -exponent));
    const wave = (2n * PI * first.integer * second.integer) << BigInt(Math.max(0, exponent));
    const frequency = rdiv(turns, wave);
    if (frequency >= 1n << 64n) throw impossible('frequency', Number(frequency) / 2 ** 64);
    frequencies[i] = frequency;
  }
  return frequencies;
}

function impossible(what: string, value: number): KarmeshError {
  return new KarmeshError('MODEL_INVALID', 'The model’s rotary positions have an impossible number.', { what, value });
}
