/** What is left of an older answer's weight with each newer one. */
const KEEP = 0.8;

export interface RunMeter {
  note(run: { readonly outputTokens: number; readonly totalMs: number }): void;
  /** Thousandths of an output token per second that one request gets; 0 before the first answer. */
  milliTokensPerSecond(): number;
  /** How long an answer takes, in milliseconds; undefined before the first. */
  meanRunMs(): number | undefined;
}

/** How fast answers come, the last ones counting most. */
export function runMeter(): RunMeter {
  let runs = 0;
  let tokens = 0;
  let ms = 0;
  return {
    note({ outputTokens, totalMs }) {
      runs = runs * KEEP + 1;
      tokens = tokens * KEEP + outputTokens;
      ms = ms * KEEP + Math.max(1, totalMs);
    },
    milliTokensPerSecond: () => (ms === 0 ? 0 : Math.round((tokens * 1_000_000) / ms)),
    meanRunMs: () => (runs === 0 ? undefined : ms / runs),
  };
}
