import { rshr, sat } from './integers';

/** The table of X-26: C0, C1, C2 of 32 pieces. */
const PIECES = memory.data<i32>([
  -1, 23, 2792, 2807, 5644, 2477, 10917, 10617, 1947, 23468, 14511, 1348,
  39316, 17194, 803, 57304, 18781, 378, 76456, 19519, 88, 96059, 19680, -86,
  115651, 19498, -175, 134974, 19143, -207, 153910, 18726, -206, 172432, 18314, -187,
  190559, 17939, -161, 208337, 17617, -134, 225820, 17348, -109, 243060, 17131, -87,
  260104, 16958, -68, 276994, 16821, -53, 293762, 16716, -41, 310437, 16634, -31,
  327041, 16572, -24, 343589, 16525, -18, 360096, 16489, -14, 376572, 16462, -10,
  393024, 16442, -8, 409459, 16427, -6, 425880, 16416, -4, 442292, 16407, -3,
  458696, 16401, -2, 475095, 16397, -2, 491490, 16393, -1, 507882, 16391, -1,
]);

/** X-26 over n values, i32 each; `inShift` is Fg - 16, `outShift` 17 + Fu - Fh. h may be g. */
export function gated(g: usize, u: usize, h: usize, n: i32, inShift: i32, outShift: i32, max: i32): void {
  let i: usize = 0;
  // g has 20 bits, so that z and t fit into 32 here; elsewhere formats are so coarse that speed is the least worry.
  if (ASC_FEATURE_SIMD && inShift >= -10 && outShift > 0 && outShift <= 60)
    for (; i + 4 <= <usize>n; i += 4) four(g + (i << 2), u + (i << 2), h + (i << 2), inShift, outShift, max);
  for (; i < <usize>n; i++) one(g + (i << 2), u + (i << 2), h + (i << 2), inShift, outShift, max);
}

function one(g: usize, u: usize, h: usize, inShift: i32, outShift: i32, max: i32): void {
  const z = rshr(<i64>load<i32>(g), inShift);
  const a = z < 0 ? -z : z;
  let t: i64;
  if (a >= 32 << 15) t = z > 0 ? 2 * z : 0;
  else {
    const piece = PIECES + <usize>(<i32>a >> 15) * 12;
    const f = <i32>a & 32767;
    const slope = load<i32>(piece, 4) + ((load<i32>(piece, 8) * f + 16384) >> 15);
    t = z + 2 * <i64>(load<i32>(piece) + ((slope * f + 16384) >> 15));
  }
  store<i32>(h, <i32>sat(rshr(t * <i64>load<i32>(u), outShift), max));
}

/** The same for four values at once. */
// @ts-ignore: decorator
@inline
function four(g: usize, u: usize, h: usize, inShift: i32, outShift: i32, max: i32): void {
  let z = v128.load(g);
  if (inShift > 0) z = i32x4.shr_s(i32x4.add(z, i32x4.splat(1 << (inShift - 1))), inShift);
  else z = i32x4.shl(z, -inShift);
  const a = i32x4.abs(z);
  const last = i32x4.splat(31);
  const j = i32x4.min_s(i32x4.shr_s(a, 15), last);
  const p0 = PIECES + <usize>i32x4.extract_lane(j, 0) * 12, p1 = PIECES + <usize>i32x4.extract_lane(j, 1) * 12;
  const p2 = PIECES + <usize>i32x4.extract_lane(j, 2) * 12, p3 = PIECES + <usize>i32x4.extract_lane(j, 3) * 12;
  const c0 = i32x4(0, 0, 0, 0), half = i32x4.splat(16384);
  const base = gather(c0, p0, p1, p2, p3);
  const linear = gather(c0, p0 + 4, p1 + 4, p2 + 4, p3 + 4);
  const square = gather(c0, p0 + 8, p1 + 8, p2 + 8, p3 + 8);
  const f = v128.and(a, i32x4.splat(32767));
  const slope = i32x4.add(linear, i32x4.shr_s(i32x4.add(i32x4.mul(square, f), half), 15));
  const curve = i32x4.add(base, i32x4.shr_s(i32x4.add(i32x4.mul(slope, f), half), 15));
  const inside = i32x4.add(z, i32x4.shl(curve, 1));
  const beyond = i32x4.shl(i32x4.max_s(z, i32x4.splat(0)), 1);
  const t = v128.bitselect(beyond, inside, i32x4.gt_s(a, i32x4.splat((32 << 15) - 1)));
  const v = v128.load(u);
  const low = limited(i64x2.extmul_low_i32x4_s(t, v), outShift, max);
  const high = limited(i64x2.extmul_high_i32x4_s(t, v), outShift, max);
  v128.store(h, v128.shuffle<i32>(low, high, 0, 2, 4, 6));
}

// @ts-ignore: decorator
@inline
function gather(into: v128, p0: usize, p1: usize, p2: usize, p3: usize): v128 {
  into = v128.load_lane<i32>(p0, into, 0);
  into = v128.load_lane<i32>(p1, into, 1);
  into = v128.load_lane<i32>(p2, into, 2);
  return v128.load_lane<i32>(p3, into, 3);
}

/** `sat(rshr(v, s), max)` for s from 1 to 60. */
// @ts-ignore: decorator
@inline
function limited(v: v128, s: i32, max: i32): v128 {
  const y = i64x2.shr_s(i64x2.add(v, i64x2.splat(<i64>1 << (s - 1))), s);
  const top = i64x2.splat(max);
  const bottom = i64x2.splat(-(<i64>max));
  const under = v128.bitselect(top, y, i64x2.gt_s(y, top));
  return v128.bitselect(bottom, under, i64x2.gt_s(bottom, under));
}
