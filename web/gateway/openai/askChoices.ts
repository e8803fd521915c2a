import { KarmeshError } from '@karmesh/sdk/errors';
import type { RequestId } from '@karmesh/sdk/protocol';
import type { Market, MarketEvent, MarketRequest } from '../market.ts';
import { namingRequests } from './apiError.ts';

export type ChoiceEvent = { readonly index: number; readonly event: MarketEvent };

/** Requests that run side by side as the choices of one answer. */
export type Choices = {
  /** By choice. */
  readonly requestIds: readonly RequestId[];
  /** What happens after the market has accepted all, in the order in which it happens. Throws what the first choice to fail throws. */
  readonly events: AsyncGenerator<ChoiceEvent, void, undefined>;
  /** Leaves whatever still runs. */
  close(): void;
};

/**
 * Asks the market for every choice, and returns once all are accepted. If one fails the others are left, too, since an answer has all
 * of its choices or none; what of them was sealed is still owed and has its bundle, so that the error names all. `abort` is aborted at
 * the deadline.
 */
export async function askChoices(
  market: Market,
  options: {
    readonly requests: readonly MarketRequest[];
    readonly abort: AbortController;
    readonly deadlineMs: number;
    readonly wantsProgress: boolean;
  },
): Promise<Choices> {
  const { abort, deadlineMs, requests, wantsProgress } = options;
  const { signal } = abort;
  const timer = setTimeout(() => {
    abort.abort(new KarmeshError('WORKER_TIMEOUT', 'The market did not finish the answer in time.', { deadlineMs }));
  }, deadlineMs);
  const runs = requests.map((request) =>
    market
      .ask(request, { signal, withinMs: deadlineMs, ...(wantsProgress ? { wantsProgress } : {}) })
      [Symbol.asyncIterator](),
  );
  let isOver = false;
  const end = (reasonOf: () => KarmeshError): void => {
    clearTimeout(timer);
    if (isOver) return;
    isOver = true;
    // A run that waits for something hears of it by the signal alone.
    if (!signal.aborted) abort.abort(reasonOf());
    for (const run of runs) void run.return?.()?.catch(() => {});
  };
  const close = (): void => end(() => new KarmeshError('ABORTED', 'The answer was left before its end.'));
  const accepted: RequestId[] = [];
  const fail = (cause: unknown): unknown => {
    // The others did not fail, and nobody has left them.
    end(() => new KarmeshError('NO_QUORUM', 'Another choice of the answer failed.', {}, cause));
    return requests.length === 1 ? cause : namingRequests(cause, accepted);
  };
  const finish = (): void => {
    clearTimeout(timer);
    isOver = true;
  };
  try {
    const requestIds = await Promise.all(
      runs.map(async (run) => {
        const requestId = await acceptedId(run);
        accepted.push(requestId);
        return requestId;
      }),
    );
    return { requestIds, events: merged(runs, { finish, fail, close }), close };
  } catch (cause) {
    throw fail(cause);
  }
}

async function acceptedId(run: AsyncIterator<MarketEvent>): Promise<RequestId> {
  const first = await run.next();
  if (first.done === true || first.value.kind !== 'accepted') {
    throw new KarmeshError('NO_QUORUM', 'The market began an answer without its request.');
  }
  return first.value.requestId;
}

/** Asks a run for its next event only after the one before was taken, so that each knows how far its reader has come. */
async function* merged(
  runs: readonly AsyncIterator<MarketEvent>[],
  on: { finish(): void; fail(cause: unknown): unknown; close(): void },
): AsyncGenerator<ChoiceEvent, void, undefined> {
  const waiting = new Map<number, Promise<{ readonly index: number; readonly next: IteratorResult<MarketEvent> }>>();
  const pull = (run: AsyncIterator<MarketEvent>, index: number): void => {
    const coming = run.next().then((next) => ({ index, next }));
    // Another run may end all of them before this one is looked at.
    coming.catch(() => {});
    waiting.set(index, coming);
  };
  const [first] = runs;
  try {
    if (first !== undefined && runs.length === 1) {
      // The most usual answer needs no race.
      for (let next = await first.next(); next.done !== true; next = await first.next())
        yield { index: 0, event: next.value };
    } else runs.forEach(pull);
    while (waiting.size > 0) {
      const { index, next } = await Promise.race(waiting.values());
      waiting.delete(index);
      if (next.done === true) continue;
      yield { index, event: next.value };
      const run = runs[index];
      if (run !== undefined) pull(run, index);
    }
    on.finish();
  } catch (cause) {
    throw on.fail(cause);
  } finally {
    on.close();
  }
}
