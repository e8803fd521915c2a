/** A finite float as the exact number `integer * 2^exponent`. */
export interface Dyadic {
  readonly integer: bigint;
  readonly exponent: number;
}

/** The exact value of a finite 64-bit float (IEEE 754). */
export function dyadicOf(value: number): Dyadic {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const field = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & ((1n << 52n) - 1n);
  const magnitude = field === 0 ? fraction : fraction | (1n << 52n);
  return { integer: bits >> 63n === 1n ? -magnitude : magnitude, exponent: Math.max(field, 1) - 1075 };
}
