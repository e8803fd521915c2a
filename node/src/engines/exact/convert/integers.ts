/** `floor((a + 2^(s-1)) / 2^s)` for s > 0, a shift right that rounds halves up; `a * 2^-s` for s <= 0 (docs/exact-arithmetic.md). */
export function rshr(a: bigint, s: number): bigint {
  return s > 0 ? (a + (1n << BigInt(s - 1))) >> BigInt(s) : a << BigInt(-s);
}

/** The quotient of a >= 0 and d > 0, rounded to the nearest integer, halves up. */
export function rdiv(a: bigint, d: bigint): bigint {
  return (2n * a + d) / (2n * d);
}

/** The number of binary digits of n >= 0; `bitLength(0n)` is 0. */
export function bitLength(n: bigint): number {
  return n === 0n ? 0 : n.toString(2).length;
}

/** `floor(sqrt(n))` for n >= 0, by Newton's method from above. */
export function isqrt(n: bigint): bigint {
  if (n === 0n) return 0n;
  let root = 1n << BigInt(Math.ceil(bitLength(n) / 2));
  for (;;) {
    const next = (root + n / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

/** The smallest j >= 0 with `n <= 4^j`, for n >= 0. */
export function fourfold(n: bigint): number {
  return n <= 1n ? 0 : Math.ceil(bitLength(n - 1n) / 2);
}
