/** So many at once, and as many again in every `perMs` milliseconds. */
export type BucketRate = { readonly most: number; readonly perMs: number };

export type Taken = {
  readonly isTaken: boolean;
  /** Whole ones and parts of one that are left. */
  readonly left: number;
  /** Milliseconds until there are as many as were wanted; 0 where there are. */
  readonly waitMs: number;
};

export type TokenBuckets = {
  /** Takes so many of a name's, 1 unless told, if it has as many left. */
  take(name: string, rate: BucketRate, amount?: number): Taken;
  /** Gives one back that was taken. */
  giveBack(name: string): void;
};

/** A bucket for each name, in memory and for this process alone. Names that have their whole rate are forgotten once there are `maxNames`. */
export function tokenBuckets(options: { readonly maxNames: number }, parts: { nowMs(): number }): TokenBuckets {
  const buckets = new Map<string, { left: number; atMs: number; readonly rate: BucketRate }>();

  const filled = ({ left, atMs }: { readonly left: number; readonly atMs: number }, rate: BucketRate, nowMs: number) =>
    left + (Math.max(0, nowMs - atMs) * rate.most) / rate.perMs;

  const forgetFull = (nowMs: number): void => {
    for (const [name, bucket] of buckets) {
      if (filled(bucket, bucket.rate, nowMs) >= bucket.rate.most) buckets.delete(name);
    }
  };

  return {
    take(name, rate, amount = 1) {
      const { most, perMs } = rate;
      const nowMs = parts.nowMs();
      if (buckets.size >= options.maxNames) forgetFull(nowMs);
      const before = buckets.get(name);
      const available = before === undefined ? most : Math.min(most, filled(before, rate, nowMs));
      const isTaken = available >= amount;
      const left = isTaken ? available - amount : available;
      buckets.set(name, { left, atMs: nowMs, rate });
      return { isTaken, left, waitMs: isTaken ? 0 : ((amount - left) * perMs) / most };
    },
    giveBack(name) {
      const bucket = buckets.get(name);
      if (bucket !== undefined) bucket.left = Math.min(bucket.rate.most, bucket.left + 1);
    },
  };
}
