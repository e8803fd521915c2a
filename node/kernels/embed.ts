import { rshr, sat } from './integers';

/** the row of a token out of a tiled matrix; `scales` are its half-precision floats, u16. */
export function embed(q: usize, scales: usize, token: i32, cols: i32, out: usize): void {
  const tile = q + <usize>(token >> 3) * (<usize>cols << 3) + <usize>((token & 7) << 1);
  const row = scales + <usize>token * <usize>(cols >> 4);
  for (let c = 0; c < cols; c++) {
    const v = <i64>load<i8>(tile + (<usize>(c >> 1) << 4) + <usize>(c & 1));
    const m = mantissa(load<u16>(row + (<usize>(c >> 5) << 1)));
    store<i32>(out + (<usize>c << 2), <i32>sat(rshr(v * m, 8), 2147483647));
  }
}

/** A finite half-precision float in units of 2^-24. */
// @ts-ignore: decorator
@inline
function mantissa(bits: u16): i64 {
  const exponent = (<i32>bits >> 10) & 31;
  const fraction = <i64>(bits & 1023);
  const m = exponent == 0 ? fraction : (fraction | 1024) << (exponent - 1);
  return (bits & 0x8000) != 0 ? -m : m;
}
