import type { Clock } from '@karmesh/sdk/clock';

export type FeedOptions = {
  /** Watchers at once; one more is turned away. */
  readonly maxWatchers: number;
  /** A change is told at once, and what follows within so many milliseconds together. */
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
    let madeMs = 0;
    let isOver = false;
    let isSoon = false;
    let stopAlarm = (): void => {};

    const ringIn = (ms: number): void => {
      stopAlarm();
      stopAlarm = clock.alarm(ms, publish);
    };

    function publish(): void {
      text = JSON.stringify(read());
      version += 1;
      madeMs = clock.nowMs();
      isSoon = false;
      ringIn(everyMs);
      for (const wake of wakes) wake();
    }

    return {
      changed() {
        if (wakes.size === 0 || isSoon) return;
        const leftMs = madeMs + gapMs - clock.nowMs();
        if (leftMs <= 0) return publish();
        isSoon = true;
        ringIn(leftMs);
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
            if (wakes.size === 0) stopAlarm();
          },
        };
      },
      [Symbol.dispose]() {
        isOver = true;
        stopAlarm();
        for (const wake of wakes) wake();
      },
    };
  };
