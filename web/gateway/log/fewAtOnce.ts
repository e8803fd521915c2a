export type FewAtOnceOptions = {
  readonly maxRunning: number;
  readonly maxWaiting: number;
};

/** Runs so many at once, and lets so many wait for their turn, in order; undefined for one more. */
export function fewAtOnce({ maxRunning, maxWaiting }: FewAtOnceOptions) {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async <T>(work: () => Promise<T>): Promise<T | undefined> => {
    if (running < maxRunning) running += 1;
    else if (waiting.length >= maxWaiting) return undefined;
    // Whoever ends hands its place on.
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}
