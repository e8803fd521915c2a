import type { Clock } from '@karmesh/sdk/clock';
import { pause } from '../pause.ts';
import { isUnreachable } from '../store/databaseErrors.ts';
import { hasDispatch, type StoredDispatch } from '../store/dispatches.ts';
import type { Db } from '../store/openDatabase.ts';

/** When a dispatch is looked for, each counted from the look before, in milliseconds: a server may come to a statement long after nobody waits for it any more. */
const LOOKS_MS = [1_000, 5_000, 30_000, 120_000];
const AWAY_MS = 4_000;

/**
 * Whether a dispatch was stored though its INSERT failed, as when the answer to it was lost. False if it was not there two and a half minutes after the database
 * was back, or once the gateway stops; the next start finds whatever came still later. Throws what the database throws, but that it is away.
 */
export async function arrivedLate(
  parts: { readonly db: Db; readonly clock: Pick<Clock, 'alarm'> },
  dispatch: StoredDispatch,
  { signal }: { readonly signal: AbortSignal },
): Promise<boolean> {
  const { db, clock } = parts;
  const isStored = async (): Promise<boolean> => {
    for (;;) {
      try {
        return await hasDispatch(db, dispatch);
      } catch (cause) {
        if (signal.aborted || !isUnreachable(cause)) throw cause;
        await pause(clock, { ms: AWAY_MS, signal });
      }
    }
  };
  for (const ms of LOOKS_MS) {
    await pause(clock, { ms, signal });
    if (signal.aborted) return false;
    if (await isStored()) return true;
  }
  return false;
}
