/** The notation of docs/exact-arithmetic.md, on integers without a limit: who judges does not compute as who is judged. */

/** A shift right that rounds halves up; to the left where s is negative. */
export function rshr(a: bigint, s: number): bigint {
  if (s <= 0) return a << BigInt(-s);
  return (a + (1n << BigInt(s - 1))) >> BigInt(s);
}

/** `v` limited to n bits, sign included, without the lowest value. */
export function sat(v: bigint, n: number): bigint {
  const max = (1n << BigInt(n - 1)) - 1n;
  return v > max ? max : v < -max ? -max : v;
}

/** floor((2a + d) / (2d)) for d > 0. */
export function rdiv(a: bigint, d: bigint): bigint {
  return floorDiv(2n * a + d, 2n * d);
}

function floorDiv(a: bigint, d: bigint): bigint {
  const q = a / d;
  return a % d < 0n ? q - 1n : q;
}

/** floor(sqrt(n)), by Newton's iteration from above. */
export function isqrt(n: bigint): bigint {
  if (n < 2n) return n;
  let x = 1n << BigInt((n.toString(2).length + 1) >> 1);
  for (;;) {
    const next = (x + n / x) >> 1n;
    if (next >= x) return x;
    x = next;
  }
}
