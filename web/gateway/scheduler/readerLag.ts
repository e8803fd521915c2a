import type { Clock } from '@karmesh/sdk/clock';

export type ReaderLimits = {
  /** Tokens that may wait for a reader beside those that were said last. */
  readonly mostTokens: number;
  /** How long the oldest of what waits may do so, in milliseconds. */
  readonly mostMs: number;
};

export type ReaderLag = Disposable & {
  /** The reader may take text with which there are so many output tokens. */
  said(outputTokens: number): void;
  /** It has taken the text up to there. */
  took(outputTokens: number): void;
};

/** Watches how far the reader of a stream is behind what was said to it; `onBehind` is called once, when that is too far. */
export const readerLag =
  ({ mostMs, mostTokens }: ReaderLimits) =>
  (parts: { readonly clock: Pick<Clock, 'alarm'>; onBehind(): void }): ReaderLag => {
    let saidTokens = 0;
    let takenTokens = 0;
    let isBehind = false;
    let silence: (() => void) | undefined;
    const stop = (): void => {
      silence?.();
      silence = undefined;
    };
    const fall = (): void => {
      stop();
      if (!isBehind) parts.onBehind();
      isBehind = true;
    };
    const watch = (): void => {
      if (!isBehind) silence ??= parts.clock.alarm(mostMs, fall);
    };
    return {
      said(outputTokens) {
        if (saidTokens - takenTokens > mostTokens) fall();
        saidTokens = outputTokens;
        watch();
      },
      took(outputTokens) {
        takenTokens = outputTokens;
        stop();
        if (takenTokens < saidTokens) watch();
      },
      [Symbol.dispose]() {
        stop();
        isBehind = true;
      },
    };
  };
