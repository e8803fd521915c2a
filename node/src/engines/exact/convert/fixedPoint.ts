import { type Dyadic, dyadicOf } from './dyadic.ts';

/** Fraction bits of every real number here: it is an integer v that stands for v / 2^512. */
export const FRACTION_BITS = 512;
const SHIFT = BigInt(FRACTION_BITS);
const ONE = 1n << SHIFT;

/** `atanh(1/x)` or, with alternating signs, `atan(1/x)`: the sum of 1 / ((2k+1) x^(2k+1)). Each term is cut off, an error of at most 2^-512. */
function inverseSeries(x: bigint, alternating: boolean): bigint {
  const step = alternating ? -x * x : x * x;
  let power = ONE / x;
  let sum = power;
  for (let odd = 3n; power !== 0n; odd += 2n) {
    power /= step;
    sum += power / odd;
  }
  return sum;
}

/** John Machin's formula (1706): pi = 16 atan(1/5) - 4 atan(1/239). Correct to about 500 bits. */
export const PI: bigint = 16n * inverseSeries(5n, true) - 4n * inverseSeries(239n, true);

/** ln 2 = 2 atanh(1/3). */
export const LN2: bigint = 2n * inverseSeries(3n, false);

/** The natural logarithm of a positive float, to about 490 bits: `value = m * 2^n` with m in [1, 2), `ln m = 2 atanh((m-1) / (m+1))`. */
export function ln(value: number): bigint {
  const { mantissa, exponent } = normalised(dyadicOf(value));
  const ratio = ((mantissa - ONE) << SHIFT) / (mantissa + ONE);
  const square = (ratio * ratio) >> SHIFT;
  let power = ratio;
  let sum = ratio;
  for (let odd = 3n; power !== 0n; odd += 2n) {
    power = (power * square) >> SHIFT;
    sum += power / odd;
  }
  return 2n * sum + BigInt(exponent) * LN2;
}

/** `mantissa` in [1, 2) as a fixed-point number. */
function normalised({ integer, exponent }: Dyadic): { readonly mantissa: bigint; readonly exponent: number } {
  const digits = integer.toString(2).length - 1;
  return { mantissa: integer << BigInt(FRACTION_BITS - digits), exponent: exponent + digits };
}

/** e to the power of a fixed-point number of at most 0, to about 490 bits: `x = r - n ln 2` with r in [0, ln 2), and the Taylor series of e^r. */
export function exp(x: bigint): bigint {
  const halvings = (-x + LN2 - 1n) / LN2;
  const rest = x + halvings * LN2;
  let term = ONE;
  let sum = ONE;
  for (let k = 1n; term !== 0n; k++) {
    term = (term * rest) / (k * ONE);
    sum += term;
  }
  return sum >> halvings;
}
