/** Time as a part, so that tests own it. */
export interface Clock {
  /** Unix time in milliseconds. */
  nowMs(): number;
  /** Calls `ring` once after `ms` milliseconds; the result takes that back. */
  alarm(ms: number, ring: () => void): () => void;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  alarm(ms, ring) {
    const timer = setTimeout(ring, ms);
    return () => clearTimeout(timer);
  },
};

/** Milliseconds that only grow, from a beginning of their own, whatever is set on the machine's clock. */
export type SteadyClock = Pick<Clock, 'nowMs'>;

export const steadyClock: SteadyClock = { nowMs: () => performance.now() };
