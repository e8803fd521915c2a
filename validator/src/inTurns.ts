import { setImmediate } from 'node:timers/promises';
import type { Steps } from '@karmesh/sdk/protocol';

/** Entries that are read from disk in one turn: some 20 microseconds each. */
export const READ_IN_A_TURN = 512;

export interface TurnOptions {
  /** After how many items the event loop gets its turn. */
  readonly every: number;
  readonly signal?: AbortSignal;
}

/**
 * Goes through items without keeping everything else waiting: peers part with whoever is silent for 1,600 ms (N-03), and a set of a
 * million receipts takes longer. Throws the signal's reason once it aborts.
 */
export async function* inTurns<T>(items: Iterable<T>, { every, signal }: TurnOptions): AsyncGenerator<T> {
  let count = 0;
  for (const item of items) {
    yield item;
    count += 1;
    if (count % every !== 0) continue;
    await setImmediate();
    signal?.throwIfAborted();
  }
}

/** Runs a computation and gives the event loop its turn at each pause. Throws the signal's reason once it aborts. */
export async function inSteps<T>(steps: Steps<T>, { signal }: { readonly signal?: AbortSignal }): Promise<T> {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    await setImmediate();
    signal?.throwIfAborted();
  }
}
