import { KarmeshError } from '@karmesh/sdk/errors';
import { LANES, type LaneEvent, type LaneTicket, laneOrder, laneTerms } from '@karmesh/sdk/protocol';
import { abortError, throwIfAborted } from './abortError.ts';

export type LaneQueueOptions = {
  /** Requests that run at once. */
  readonly maxRunning: number;
  /**
   * Requests that wait for their turn, of all lanes together. A twelfth of them, rounded down, is kept for each lane, so that no lane locks
   * another one out; what is left is for whoever comes first.
   */
  readonly maxWaiting: number;
  /** Of these, those of one account in all lanes; as many as there is room for unless told. */
  readonly maxWaitingPerAccount?: number | undefined;
};

export type Place = Disposable & {
  /**
   * Resolves when it is this place's turn.
   *
   * Rejects with KarmeshError `ABORTED`, or the signal's own, while waiting.
   */
  readonly turn: Promise<void>;
};

export type LaneQueue = {
  /**
   * Finds out whether a lane has room for one more of an account, so that nothing is numbered in vain.
   *
   * @throws KarmeshError `QUEUE_FULL`, or `QUEUE_SHARE_FULL` where the account has its share, whose fact `retryAfterMs` says when to try again.
   */
  admit(place: { readonly lane: number; readonly account: string }): void;
  /**
   * Takes a place by L-02 to L-04; disposing gives it back, before or after its turn came.
   *
   * @throws KarmeshError `QUEUE_FULL` and `QUEUE_SHARE_FULL` as `admit` does, `ABORTED`, `BAD_ARGUMENT` as the order does.
   */
  enter(place: LaneTicket & { readonly signal: AbortSignal }): Place;
  readonly running: number;
  readonly waiting: number;
  /** How many wait in each lane, by its number. */
  readonly waitingByLane: readonly number[];
  /** How many wait, where an account counts for so many at most. */
  waitingUpTo(mostPerAccount: number): number;
};

export type LaneQueueParts = {
  readonly nowMs: () => number;
  /** Called with what happens to tickets, at once and in the order in which it decides who starts. */
  readonly onEvent?: (event: LaneEvent) => void;
};

/** The part of all waiting places that is kept for each of the six lanes; together they keep half. */
const KEPT_PART = 1 / (2 * LANES.length);
/** What is left of an older request's weight with each newer one. */
const KEEP = 0.8;
/** How long a request is taken to run before one has. */
const UNKNOWN_RUN_MS = 1_000;

/** Six lanes before one bounded set of running requests. Who is refused is told when those before it should have had their turn. */
export const laneQueue =
  (options: LaneQueueOptions) =>
  (parts: LaneQueueParts): LaneQueue => {
    const { maxRunning, maxWaiting, maxWaitingPerAccount = Number.POSITIVE_INFINITY } = options;
    const kept = Math.floor(maxWaiting * KEPT_PART);
    const order = laneOrder();
    const starts = new Map<bigint, () => void>();
    const waitingByAccount = new Map<string, number>();
    let running = 0;
    let meanRunMs: number | undefined;

    const noteRun = (ms: number): void => {
      meanRunMs = meanRunMs === undefined ? ms : meanRunMs * KEEP + ms * (1 - KEEP);
    };

    const countWaiting = (account: string, change: 1 | -1): void => {
      const count = (waitingByAccount.get(account) ?? 0) + change;
      if (count === 0) waitingByAccount.delete(account);
      else waitingByAccount.set(account, count);
    };

    const startNext = (): void => {
      while (running < maxRunning) {
        const ticket = order.start();
        if (ticket === undefined) return;
        running += 1;
        countWaiting(ticket.account, -1);
        parts.onEvent?.({ kind: 'start', ...ticket });
        const start = starts.get(ticket.ticket);
        starts.delete(ticket.ticket);
        start?.();
      }
    };

    const admit = ({ account, lane }: { readonly account: string; readonly lane: number }): void => {
      const terms = laneTerms(lane);
      if (running < maxRunning) return;
      const counts = order.waitingByLane;
      const own = counts[lane] ?? 0;
      const turns = turnsBefore(lane, counts) / maxRunning;
      const retryAfterMs = Math.ceil((meanRunMs ?? UNKNOWN_RUN_MS) * turns);
      const waitingOfAccount = waitingByAccount.get(account) ?? 0;
      if (waitingOfAccount >= maxWaitingPerAccount)
        throw new KarmeshError('QUEUE_SHARE_FULL', 'This account has as many requests waiting as one may have.', {
          waitingOfAccount,
          retryAfterMs,
        });
      const keptForOthers = counts.reduce((sum, count, i) => sum + (i === lane ? 0 : Math.max(0, kept - count)), 0);
      if (own < kept || order.waiting + keptForOthers < maxWaiting) return;
      throw new KarmeshError('QUEUE_FULL', 'The market has more requests than it can queue. Try again in a moment.', {
        lane: terms.name,
        running,
        waiting: order.waiting,
        waitingInLane: own,
        retryAfterMs,
      });
    };

    return {
      get running() {
        return running;
      },
      get waiting() {
        return order.waiting;
      },
      get waitingByLane() {
        return order.waitingByLane;
      },
      waitingUpTo: (mostPerAccount) =>
        [...waitingByAccount.values()].reduce((sum, count) => sum + Math.min(count, mostPerAccount), 0),
      admit,
      enter({ signal, ticket, lane, account }) {
        throwIfAborted(signal);
        admit({ lane, account });
        order.enter({ ticket, lane, account });
        countWaiting(account, 1);
        parts.onEvent?.({ kind: 'enter', ticket, lane, account });
        let state: 'waiting' | 'running' | 'over' = 'waiting';
        let startedMs = 0;
        const { promise: turn, resolve, reject } = Promise.withResolvers<void>();
        // Who never waits for its turn must not leave an unhandled rejection behind.
        turn.catch(() => {});
        const leave = (): void => {
          signal.removeEventListener('abort', leave);
          const was = state;
          state = 'over';
          if (was === 'running') {
            noteRun(Math.max(0, parts.nowMs() - startedMs));
            running -= 1;
            startNext();
          } else if (was === 'waiting') {
            starts.delete(ticket);
            order.leave(ticket);
            countWaiting(account, -1);
            parts.onEvent?.({ kind: 'leave', ticket, lane, account });
            reject(abortError(signal));
          }
        };
        starts.set(ticket, () => {
          state = 'running';
          startedMs = parts.nowMs();
          signal.removeEventListener('abort', leave);
          resolve();
        });
        signal.addEventListener('abort', leave);
        startNext();
        return { turn, [Symbol.dispose]: leave };
      },
    };
  };

/** How many starts it takes until one more ticket of a lane would have had its turn, if nobody else came. */
function turnsBefore(lane: number, waitingByLane: readonly number[]): number {
  const ownTurns = (waitingByLane[lane] ?? 0) + 1;
  const { weight } = laneTerms(lane);
  return LANES.reduce((sum, each, i) => {
    const share = Math.ceil((ownTurns * each.weight) / weight);
    return sum + (i === lane ? ownTurns : Math.min(waitingByLane[i] ?? 0, share));
  }, 0);
}
