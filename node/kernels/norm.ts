import { isqrt, rshr, sat } from './integers';

/** X-21 over n values: x and y i32, w i32; `eps` is E * D, `shift` 48 - Fn. */
export function norm(x: usize, w: usize, y: usize, n: i32, eps: i64, shift: i32, max: i32): void {
  // 77 bits of a sum of squares in two halves.
  let low: u64 = eps;
  let high: u64 = 0;
  for (let i: usize = 0; i < <usize>n; i++) {
    const v = <i64>load<i32>(x + (i << 2));
    const square = <u64>(v * v);
    low += square & 0xffffffff;
    high += square >> 32;
  }
  high += low >> 32;
  const ratio = high >> 31 == 0 ? divideShort(n, (high << 32) | (low & 0xffffffff)) : divideLong(n, high, low & 0xffffffff);
  const r = <i64>isqrt(ratio);
  for (let i: usize = 0; i < <usize>n; i++) {
    const v = <i64>load<i32>(x + (i << 2)) * r * <i64>load<i32>(w + (i << 2));
    store<i32>(y + (i << 2), <i32>sat(rshr(v, shift), max));
  }
}

/** floor(n * 2^68 / d) for n < d < 2^63. */
function divideShort(n: u64, d: u64): u64 {
  let rest = n;
  let q: u64 = 0;
  for (let i = 0; i < 68; i++) {
    rest <<= 1;
    q <<= 1;
    if (rest >= d) {
      rest -= d;
      q |= 1;
    }
  }
  return q;
}

/** floor(n * 2^68 / d) for d = high * 2^32 + low, high < 2^45 and low < 2^32. */
function divideLong(n: u64, high: u64, low: u64): u64 {
  let restHigh: u64 = 0;
  let restLow = n;
  let q: u64 = 0;
  for (let i = 0; i < 68; i++) {
    restLow <<= 1;
    restHigh = (restHigh << 1) | (restLow >> 32);
    restLow &= 0xffffffff;
    q <<= 1;
    if (restHigh > high || (restHigh == high && restLow >= low)) {
      if (restLow < low) {
        restHigh--;
        restLow += 0x100000000;
      }
      restLow -= low;
      restHigh -= high;
      q |= 1;
    }
  }
  return q;
}
