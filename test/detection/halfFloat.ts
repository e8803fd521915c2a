/** The value of a 16-bit float (IEEE 754 binary16) from its bits. */
export function halfToFloat(bits: number): number {
  const sign = (bits & 0x8000) === 0 ? 1 : -1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The bits of the 16-bit float nearest to a value, ties to even. Throws `RangeError` on what is not finite in 16 bits. */
export function floatToHalf(value: number): number {
  const magnitude = Math.abs(value);
  if (!(magnitude < 65520)) throw new RangeError('The value is too large for a 16-bit float.');
  const exponent = Math.max(-14, exponentOf(magnitude));
  const units = roundTiesToEven(magnitude / 2 ** (exponent - 10));
  // A mantissa that rounds up to 2048 carries into the exponent by this addition, and below 2^-14 the exponent field is 0.
  return (value < 0 || Object.is(value, -0) ? 0x8000 : 0) | (((exponent + 14) << 10) + units);
}

const view = new DataView(new ArrayBuffer(8));

function exponentOf(magnitude: number): number {
  view.setFloat64(0, magnitude);
  return (view.getUint32(0) >>> 20) - 1023;
}

function roundTiesToEven(value: number): number {
  const down = Math.floor(value);
  const rest = value - down;
  return rest > 0.5 || (rest === 0.5 && down % 2 === 1) ? down + 1 : down;
}
