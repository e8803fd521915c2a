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

/** Aborts after `ms` milliseconds or with `parent`, whichever comes first. The caller disposes it. */
export function deadline(
  clock: Clock,
  options: { readonly ms: number; readonly parent: AbortSignal; readonly error: () => Error },
): { readonly signal: AbortSignal } & Disposable {
  const late = new AbortController();
  const silence = clock.alarm(options.ms, () => late.abort(options.error()));
  return { signal: AbortSignal.any([options.parent, late.signal]), [Symbol.dispose]: silence };
}
