/** A half-precision float (IEEE 754 binary16) that is neither infinite nor a NaN. */
export function isFiniteHalf(bits: number): boolean {
  return (bits & 0x7c00) !== 0x7c00;
}

/** a finite half of magnitude `digits * 2^(shift - 24)`, `digits` an integer under 2,048. */
export function halfDigits(bits: number): number {
  return (bits & 0x7c00) === 0 ? bits & 0x3ff : (bits & 0x3ff) | 0x400;
}

/** The `shift` that belongs to `halfDigits`, 0 to 29. */
export function halfShift(bits: number): number {
  return Math.max(((bits >> 10) & 0x1f) - 1, 0);
}

/** The value of a half; NaN for an infinite one. */
export function halfValue(bits: number): number {
  if (!isFiniteHalf(bits)) return Number.NaN;
  const magnitude = halfDigits(bits) * 2 ** (halfShift(bits) - 24);
  return (bits & 0x8000) === 0 ? magnitude : -magnitude;
}

const view = new DataView(new ArrayBuffer(8));

/** The bits of the half nearest to a finite value of at least 0, ties to even; those of infinity if it is too large for one. */
export function nearestHalf(value: number): number {
  if (value >= 65_520) return 0x7c00;
  view.setFloat64(0, value);
  const exponent = Math.max((view.getUint32(0) >>> 20) - 1023, -14);
  const units = value * 2 ** (10 - exponent);
  const down = Math.floor(units);
  const rest = units - down;
  const rounded = rest > 0.5 || (rest === 0.5 && down % 2 === 1) ? down + 1 : down;
  // A mantissa that rounds up to 2,048 carries into the exponent by this addition, and below 2^-14 the exponent's field is 0.
  return ((exponent + 14) << 10) + rounded;
}
