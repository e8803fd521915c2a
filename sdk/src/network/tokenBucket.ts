export type TokenBucket = {
  /** Takes one token if there is one. */
  take(nowMs: number): boolean;
  /** Whether there is none to take. */
  isEmpty(nowMs: number): boolean;
  /** Whether it would be full by now, and so remembers nothing. */
  isFull(nowMs: number): boolean;
};

/** A rate limit: `burst` tokens, refilled at `perSecond`. */
export const tokenBucket = (
  { perSecond, burst }: { readonly perSecond: number; readonly burst: number },
  startMs: number,
): TokenBucket => {
  let tokens = burst;
  let at = startMs;
  const refill = (nowMs: number): void => {
    tokens = Math.min(burst, tokens + (Math.max(0, nowMs - at) * perSecond) / 1000);
    at = Math.max(at, nowMs);
  };
  return {
    take: (nowMs) => {
      refill(nowMs);
      if (tokens < 1) return false;
      tokens -= 1;
      return true;
    },
    isEmpty: (nowMs) => {
      refill(nowMs);
      return tokens < 1;
    },
    isFull: (nowMs) => {
      refill(nowMs);
      return tokens >= burst;
    },
  };
};
