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
   * @throws KarmeshError `QUEUE_FULL`, whose fact `retryAfterMs` says when to try again, `ABORTED`.
   */
  enter(options: { readonly signal: AbortSignal }): Place;
  readonly running: number;
  readonly waiting: number;
};

/** What is left of an older request's weight with each newer one. */
const KEEP = 0.8;
/** How long a request is taken to run before one has. */
const UNKNOWN_RUN_MS = 1_000;

/** One first-in-first-out queue with a bound on both its ends. Who is refused is told when those before it should have had their turn. */
export const lane =
  (options: LaneOptions) =>
  (parts: { readonly nowMs: () => number }): Lane => {
    let running = 0;
    let meanRunMs: number | undefined;
    const waiting: (() => void)[] = [];

    const noteRun = (ms: number): void => {
      meanRunMs = meanRunMs === undefined ? ms : meanRunMs * KEEP + ms * (1 - KEEP);
    };

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
        let startedMs = 0;
        const { promise: turn, resolve, reject } = Promise.withResolvers<void>();
        // Who never waits for its turn must not leave an unhandled rejection behind.
        turn.catch(() => {});
        const start = (): void => {
          state = 'running';
          startedMs = parts.nowMs();
          signal.removeEventListener('abort', leave);
          resolve();
        };
        const leave = (): void => {
          signal.removeEventListener('abort', leave);
          if (state === 'running') {
            noteRun(Math.max(0, parts.nowMs() - startedMs));
            release();
          } else if (state === 'waiting') {
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
          const turns = (waiting.length + 1) / options.maxRunning;
          const retryAfterMs = Math.ceil((meanRunMs ?? UNKNOWN_RUN_MS) * turns);
          const facts = { running, waiting: waiting.length, retryAfterMs };
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
