import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { KarmeshError } from '@karmesh/sdk/errors';
import { type AppendLog, openAppendLog, storeError } from '@karmesh/sdk/runtime';
import type { LedgerEvent } from '../ledger/event.ts';
import { decodeEvents, encodeEvents } from './eventCodec.ts';
import type { LedgerStore } from './ledgerStore.ts';

export type FolderStoreOptions = {
  readonly folder: string;
  /** A checkpoint is due when the log has grown by this many bytes, or by the size of the last checkpoint if that is more. */
  readonly maxLogBytes: number;
};

export type FolderStoreParts = {
  /** Opens a log; a test hands in one whose disk is full. */
  readonly openLog?: typeof openAppendLog;
};

/** A transaction may change 64 MiB of accounts at most (MAX_LOADED_ACCOUNTS_DATA_SIZE_BYTES); a batch ends soon after 8 MiB. */
const maxRecordBytes = 80 * 2 ** 20;

/** Events of a checkpoint are written in records of about this size. */
const checkpointRecordBytes = 2 ** 20;

const logName = /^ledger-(\d{1,15})\.log$/;

/**
 * A ledger in a folder: `ledger-<n>.log` is a write-ahead log whose beginning restates all that the logs before it said. A new
 * generation counts only when its checkpoint event is on disk; until then a restart goes on with the one before, so that
 * there is no moment at which a `kill -9` leaves neither.
 */
export const folderStore =
  ({ folder, maxLogBytes }: FolderStoreOptions) =>
  async ({ openLog = openAppendLog }: FolderStoreParts = {}): Promise<LedgerStore> => {
    const pathOf = (generation: number): string => join(folder, `ledger-${generation}.log`);
    const removeOthers = async (keep: number): Promise<void> => {
      for (const each of await generations(folder)) if (each !== keep) await rm(pathOf(each), { force: true });
    };

    let generation = await newestComplete(folder, pathOf, openLog);
    let log: AppendLog = await openLog({ path: pathOf(generation), maxRecordBytes });
    await removeOthers(generation);
    let bytes = await sizeOf(pathOf(generation));
    let due = Math.max(bytes, maxLogBytes);

    const writeCheckpoint = async (path: string, events: Iterable<LedgerEvent>): Promise<AppendLog> => {
      const next = await openLog({ path, maxRecordBytes });
      try {
        for (const chunk of chunks(events)) await next.append(encodeEvents(chunk));
        return next;
      } catch (cause) {
        await next.close();
        throw cause;
      }
    };

    return {
      async *recovered() {
        for await (const record of log.read()) yield decodeEvents(record);
      },
      append: async (events) => {
        const record = encodeEvents(events);
        await log.append(record);
        bytes += record.length;
      },
      checkpointDue: () => bytes > due,
      checkpoint: async (events) => {
        const path = pathOf(generation + 1);
        try {
          const next = await writeCheckpoint(path, events);
          const old = log;
          log = next;
          generation += 1;
          await old.close();
          await removeOthers(generation);
          bytes = await sizeOf(path);
          due = bytes + Math.max(bytes, maxLogBytes);
          return undefined;
        } catch (cause) {
          due = bytes + maxLogBytes;
          if (path === pathOf(generation + 1)) await rm(path, { force: true });
          return storeError(path, cause);
        }
      },
      [Symbol.asyncDispose]: () => log.close(),
    };
  };

async function generations(folder: string): Promise<readonly number[]> {
  const names = await readdir(folder);
  return names.flatMap((name) => Number(logName.exec(name)?.[1] ?? Number.NaN)).filter((each) => !Number.isNaN(each));
}

async function newestComplete(
  folder: string,
  pathOf: (generation: number) => string,
  openLog: typeof openAppendLog,
): Promise<number> {
  const found = (await generations(folder)).toSorted((a, b) => b - a);
  for (const generation of found) {
    if (generation === 0) return 0;
    await using log = await openLog({ path: pathOf(generation), maxRecordBytes });
    if (await hasCheckpoint(log)) return generation;
  }
  if (found.length > 0) {
    throw new KarmeshError('STORE_FAILED', 'The ledger has no complete log; restore the folder from a copy.', {
      folder,
    });
  }
  return 0;
}

async function hasCheckpoint(log: AppendLog): Promise<boolean> {
  for await (const record of log.read()) {
    if (decodeEvents(record).some(({ kind }) => kind === 'checkpoint')) return true;
  }
  return false;
}

/** Groups events so that one record stays near `checkpointRecordBytes`. */
function* chunks(events: Iterable<LedgerEvent>): Generator<readonly LedgerEvent[]> {
  let chunk: LedgerEvent[] = [];
  let size = 0;
  for (const event of events) {
    chunk.push(event);
    size += event.kind === 'account' ? (event.change.account?.data.length ?? 0) + 100 : 1_500;
    if (size < checkpointRecordBytes) continue;
    yield chunk;
    chunk = [];
    size = 0;
  }
  if (chunk.length > 0) yield chunk;
}

async function sizeOf(path: string): Promise<number> {
  return (await stat(path)).size;
}
