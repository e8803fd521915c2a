const LN2_HIGH = 0.6931471803691238;
const LN2_LOW = 1.9082149292705877e-10;
const TWO_54 = 2 ** 54;
const L1 = 0.6666666666666735;
const L2 = 0.3999999999940942;
const L3 = 0.2857142874366239;
const L4 = 0.22222198432149784;
const L5 = 0.1818357216161805;
const L6 = 0.15313837699209373;
const L7 = 0.14798198605116586;

const view = new DataView(new ArrayBuffer(8));

/**
 * The natural logarithm of a positive, finite double, with the same bits everywhere: `Math.log` is implementation-defined, this
 * uses IEEE 754 additions, multiplications and divisions only. The algorithm is fdlibm's `__ieee754_log` (Sun Microsystems,
 * 1993, e_log.c), with an error under one unit in the last place.
 */
export function naturalLog(value: number): number {
  let x = value;
  let k = 0;
  if (x < 2 ** -1022) {
    k = -54;
    x *= TWO_54;
  }
  view.setFloat64(0, x);
  let high = view.getInt32(0);
  k += (high >> 20) - 1023;
  high &= 0x000fffff;
  const i = (high + 0x95f64) & 0x100000;
  view.setInt32(0, high | (i ^ 0x3ff00000));
  x = view.getFloat64(0);
  k += i >> 20;
  const f = x - 1;
  if ((0x000fffff & (2 + high)) < 3) return nearOne(f, k);
  const s = f / (2 + f);
  const z = s * s;
  const w = z * z;
  const t1 = w * (L2 + w * (L4 + w * L6));
  const t2 = z * (L1 + w * (L3 + w * (L5 + w * L7)));
  const r = t2 + t1;
  if (((high - 0x6147a) | (0x6b851 - high)) > 0) {
    const half = 0.5 * f * f;
    return k === 0 ? f - (half - s * (half + r)) : k * LN2_HIGH - (half - (s * (half + r) + k * LN2_LOW) - f);
  }
  return k === 0 ? f - s * (f - r) : k * LN2_HIGH - (s * (f - r) - k * LN2_LOW - f);
}

/** The short series for |f| < 2^-20. */
function nearOne(f: number, k: number): number {
  if (f === 0) return k === 0 ? 0 : k * LN2_HIGH + k * LN2_LOW;
  const r = f * f * (0.5 - 0.3333333333333333 * f);
  return k === 0 ? f - r : k * LN2_HIGH - (r - k * LN2_LOW - f);
}
