import type { Clock } from '@karmesh/sdk/clock';

export type FeedOptions = {
  /** Watchers at once; one more is turned away. */
  readonly maxWatchers: number;
  /** What changes within so many milliseconds is told together. */
  readonly gapMs: number;
  /** So many milliseconds after the last text there is another, changed or not, so that a watcher can tell quiet from broken. */
  readonly everyMs: number;
};

/** One watcher's place; disposing it gives the place back. */
export type Watcher = Disposable & {
  /**
   * The newest text that this watcher has not had, once there is one; undefined after the end. Who is slow misses what came in
   * between, so that nothing piles up for anybody. One call at a time.
   */
  next(): Promise<string | undefined>;
};

/** One text that changes, and those who watch it. Disposing it ends all of them. */
export type Feed = Disposable & {
  /** The text is out of date. */
  changed(): void;
  /** Undefined if there are as many watchers as there may be, or the feed has ended. */
  watch(): Watcher | undefined;
};

/** Tells watchers what `read` gives, as JSON, which is made once for all of them and not at all for nobody. */
export const feed =
  (options: FeedOptions) =>
  (parts: { readonly clock: Clock; readonly read: () => unknown }): Feed => {
    const { clock, read } = parts;
    const { everyMs, gapMs, maxWatchers } = options;
    const wakes = new Set<() => void>();
    let text = '';
    let version = 0;
    let isOver = false;
    let alarm: { readonly isSoon: boolean; readonly stop: () => void } | undefined;

    const ringIn = (ms: number, isSoon: boolean): void => {
      alarm?.stop();
      alarm = { isSoon, stop: clock.alarm(ms, publish) };
    };

    function publish(): void {
      text = JSON.stringify(read());
      version += 1;
      ringIn(everyMs, false);
      for (const wake of wakes) wake();
    }

    return {
      changed() {
        if (wakes.size > 0 && alarm?.isSoon !== true) ringIn(gapMs, true);
      },
      watch() {
        if (isOver || wakes.size >= maxWatchers) return undefined;
        let had = 0;
        let isHere = true;
        let wake = (): void => {};
        const own = (): void => wake();
        wakes.add(own);
        if (wakes.size === 1) publish();
        return {
          async next() {
            while (isHere && !isOver && had === version) {
              await new Promise<void>((resolve) => {
                wake = resolve;
              });
            }
            if (!isHere || isOver) return undefined;
            had = version;
            return text;
          },
          [Symbol.dispose]() {
            isHere = false;
            wakes.delete(own);
            wake();
            if (wakes.size > 0) return;
            alarm?.stop();
            alarm = undefined;
          },
        };
      },
      [Symbol.dispose]() {
        isOver = true;
        alarm?.stop();
        alarm = undefined;
        for (const wake of wakes) wake();
      },
    };
  };
