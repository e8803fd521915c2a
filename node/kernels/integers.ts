// The notation of docs/exact-arithmetic.md. i64 holds every value that gets here.

/** A shift right that rounds halves up; to the left where s is negative. Beyond 60 bits nothing is left of a sum. */
// @ts-ignore: decorator
@inline
export function rshr(a: i64, s: i32): i64 {
  if (s <= 0) return a << -s;
  return s > 60 ? 0 : (a + (<i64>1 << (s - 1))) >> s;
}

/** Limits v to -max … max. */
// @ts-ignore: decorator
@inline
export function sat(v: i64, max: i64): i64 {
  return v > max ? max : v < -max ? -max : v;
}

/** floor((2a + d) / (2d)) for d > 0. */
// @ts-ignore: decorator
@inline
export function rdiv(a: i64, d: i64): i64 {
  const n = 2 * a + d;
  const m = 2 * d;
  const q = n / m;
  return n - q * m < 0 ? q - 1 : q;
}

/** floor(sqrt(n)) for n < 2^63. The square root of a float is correctly rounded everywhere; what it misses is put right. */
export function isqrt(n: u64): u64 {
  let r = <u64>Math.sqrt(<f64>n);
  while (r * r > n) r--;
  while ((r + 1) * (r + 1) <= n) r++;
  return r;
}
