const MASK = (1n << 64n) - 1n;

/** Numbers from a seed: the same for the same seed. */
export interface Random {
  /** From 0 up to, without, `bound`. */
  below(bound: number): number;
  /** True in so many of a hundred. */
  chance(percent: number): boolean;
  pick<T>(from: readonly T[]): T | undefined;
  /** From 0 up to and with `most`: the ends and small numbers far more often than others. */
  amount(most: bigint): bigint;
}

/** SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). */
export function randomOf(seed: number): Random {
  let state = BigInt(seed) * 0x9e37_79b9_7f4a_7c15n;
  const next = (): bigint => {
    state = (state + 0x9e37_79b9_7f4a_7c15n) & MASK;
    let z = ((state ^ (state >> 30n)) * 0xbf58_476d_1ce4_e5b9n) & MASK;
    z = ((z ^ (z >> 27n)) * 0x94d0_49bb_1331_11ebn) & MASK;
    return z ^ (z >> 31n);
  };
  const below = (bound: number): number => Number(next() % BigInt(bound));
  return {
    below,
    chance: (percent) => below(100) < percent,
    pick: (from) => from[below(Math.max(1, from.length))],
    amount(most) {
      if (most <= 0n) return 0n;
      const kind = below(10);
      if (kind === 0) return most;
      if (kind === 1) return 1n < most ? 1n : most;
      if (kind === 2) return most / BigInt(2 + below(9));
      return next() % (most + 1n);
    },
  };
}
