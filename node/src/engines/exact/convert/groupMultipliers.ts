import { halfDigits, halfShift } from './halfFloat.ts';
import { bitLength, rshr } from './integers.ts';

/** Fraction bits of `v = abs(m) * K`: 24 of m and 62 of K. */
const PRODUCT_BITS = 86;
/** Digits of a half: one of 2^11 integers. */
const DIGITS = 2048;
/** Shifts of a product that leave anything of it: a product has under 75 bits. */
const SHIFTS = 76;

/** how the scales of a matrix become integers of B bits. Scales are the bits of finite halves. */
export interface GroupMultipliers {
  /** T of rows whose largest scale, sign aside, is `top`; 0 for a row of zeros. */
  shiftOf(top: number): number;
  /** mult of a scale in a row that is shifted by T. */
  multiplierOf(scale: number, shift: number): number;
}

/**
 * X-11 for one factor K (62 fraction bits) and B bits. A scale is one of 2,048 integers times a power of two, so that its products are computed
 * once, as big integers, and looked up from then on.
 */
export function groupMultipliers(factor: bigint, bits: number): GroupMultipliers {
  const most = 2 ** bits - 1;
  const lengths = Uint8Array.from({ length: DIGITS }, (_, digits) => bitLength(BigInt(digits) * factor));
  const known = new Int32Array(DIGITS * SHIFTS).fill(-1);
  const magnitude = (digits: number, shift: number): number => {
    if (shift >= SHIFTS) return 0;
    const at = digits * SHIFTS + shift;
    const found = known[at] ?? -1;
    if (found >= 0) return found;
    const rounded = Number(rshr(BigInt(digits) * factor, shift));
    const value = Math.min(most, rounded);
    known[at] = value;
    return value;
  };
  return {
    shiftOf: (top) => {
      const length = lengths[halfDigits(top)] ?? 0;
      return length === 0 ? 0 : bits + PRODUCT_BITS - length - halfShift(top);
    },
    multiplierOf: (scale, shift) => {
      const value = magnitude(halfDigits(scale), PRODUCT_BITS - shift - halfShift(scale));
      return (scale & 0x8000) === 0 ? value : -value;
    },
  };
}
