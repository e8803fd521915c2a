import type { Clock } from '@karmesh/sdk/clock';
import { KarmeshError } from '@karmesh/sdk/errors';
import type { Logger } from '@karmesh/sdk/runtime';
import { pause } from '../pause.ts';
import { isLocked, isRowFault } from '../store/databaseErrors.ts';
import { type FinishedEntry, finishEntry } from '../store/entries.ts';
import type { Db } from '../store/openDatabase.ts';

/** The dispatch has another entry. */
const isTaken = (err: unknown): boolean => err instanceof KarmeshError && err.code === 'STORE_FAILED';

const RETRY_MS = 250;
const MAX_RETRY_MS = 4_000;
/** A wait of so long tells that the database is away for more than a moment. */
const LONG_MS = 2_000;

/**
 * Stores an entry, however long the database is away: its workers have revealed and are paid by nothing else. A commit of which nobody knows whether it
 * arrived is repeated, and finds it there. `onDelay` is called once if that takes long, with what the database says. Throws what the database throws once the gateway stops, or where no repetition helps.
 */
export async function storeEntry(
  parts: { readonly db: Db; readonly clock: Pick<Clock, 'alarm'>; readonly log: Pick<Logger, 'warn'> },
  finished: FinishedEntry,
  options: { readonly signal: AbortSignal; readonly onDelay?: ((cause: unknown) => void) | undefined },
): Promise<void> {
  const { db, clock, log } = parts;
  const { signal } = options;
  for (let waitMs = RETRY_MS; ; waitMs = Math.min(2 * waitMs, MAX_RETRY_MS)) {
    try {
      await finishEntry(db, finished);
      return;
    } catch (err) {
      if (signal.aborted || isLocked(err) || isRowFault(err) || isTaken(err)) throw err;
      if (waitMs === LONG_MS) options.onDelay?.(err);
      if (waitMs === RETRY_MS) log.warn({ err }, 'An entry is stored once the database takes it again.');
      await pause(clock, { ms: waitMs, signal });
    }
  }
}
