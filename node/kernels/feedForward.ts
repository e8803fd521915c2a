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
  for (let i: usize = 0; i < <usize>n; i++) {
    const z = rshr(<i64>load<i32>(g + (i << 2)), inShift);
    const a = z < 0 ? -z : z;
    let t: i64;
    if (a >= 32 << 15) t = z > 0 ? 2 * z : 0;
    else {
      const piece = PIECES + <usize>(<i32>a >> 15) * 12;
      const f = <i32>a & 32767;
      const slope = load<i32>(piece, 4) + ((load<i32>(piece, 8) * f + 16384) >> 15);
      t = z + 2 * <i64>(load<i32>(piece) + ((slope * f + 16384) >> 15));
    }
    store<i32>(h + (i << 2), <i32>sat(rshr(t * <i64>load<i32>(u + (i << 2)), outShift), max));
  }
}
