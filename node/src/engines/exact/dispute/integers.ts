/** The notation of docs/exact-arithmetic.md, on integers without a limit: who judges does not compute as who is judged. */

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
