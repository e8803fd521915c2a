import { KarmeshError } from '@karmesh/sdk/errors';

export type LaneOptions = {
  /** Requests that run at once. */
  readonly maxRunning: number;
  /** Requests that wait for their turn; one more is refused. */
  readonly maxWaiting: number;
};

export type Place = Disposable & {
  /**
   * Resolves when it is this place's turn.
   *
   * Rejects with KarmeshError `ABORTED`, or the signal's own, while waiting.
   */
  readonly turn: Promise<void>;
};

export type Lane = {
  /**
   * Takes a place in order of arrival; disposing gives it back, before or after its turn came.
   *
   * @throws KarmeshError `QUEUE_FULL`, `ABORTED`.
   */
  enter(options: { readonly signal: AbortSignal }): Place;
  readonly running: number;
  readonly waiting: number;
};

/** One first-in-first-out queue with a bound on both its ends. */
export const lane = (options: LaneOptions): Lane => {
  let running = 0;
  const waiting: (() => void)[] = [];

  const release = (): void => {
    const next = waiting.shift();
    // The place passes on without being free in between, so nobody overtakes.
    if (next === undefined) running -= 1;
    else next();
  };

  return {
    get running() {
      return running;
    },
    get waiting() {
      return waiting.length;
    },
    enter({ signal }) {
      throwIfAborted(signal);
      let state: 'waiting' | 'running' | 'over' = 'waiting';
      const { promise: turn, resolve, reject } = Promise.withResolvers<void>();
      // Who never waits for its turn must not leave an unhandled rejection behind.
      turn.catch(() => {});
      const start = (): void => {
        state = 'running';
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = (): void => {
        signal.removeEventListener('abort', leave);
        if (state === 'running') release();
        else if (state === 'waiting') {
          waiting.splice(waiting.indexOf(start), 1);
          reject(abortError(signal));
        }
        state = 'over';
      };
      if (running < options.maxRunning) {
        running += 1;
        start();
      } else if (waiting.length < options.maxWaiting) {
        waiting.push(start);
        signal.addEventListener('abort', leave);
      } else {
        const facts = { running, waiting: waiting.length };
        throw new KarmeshError(
          'QUEUE_FULL',
          'The market has more requests than it can queue. Try again in a moment.',
          facts,
        );
      }
      return { turn, [Symbol.dispose]: leave };
    },
  };
};

/** Why a signal was aborted, as an error of ours. */
export function abortError(signal: AbortSignal): KarmeshError {
  const reason: unknown = signal.reason;
  return reason instanceof KarmeshError
    ? reason
    : new KarmeshError('ABORTED', 'The request was cancelled.', {}, reason);
}

export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw abortError(signal);
}
