import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { KarmeshError } from '@karmesh/sdk/errors';
import type { Hash, LogFork } from '@karmesh/sdk/protocol';
import { sqliteError } from '../store/sqliteError.ts';

/** A checkpoint that this validator cosigned: the note has the gateway's signature and its own. */
export type CosignedCheckpoint = {
  readonly origin: string;
  readonly size: number;
  readonly root: Hash;
  readonly note: string;
};

/** Which checkpoints this validator cosigned, and the forks that it saw. Each call returns once it is on disk. */
export interface CosignerStore extends Disposable {
  /** The largest of a log. */
  newest(origin: string): CosignedCheckpoint | undefined;
  /** One of the last 1,024 of a log. */
  at(origin: string, size: number): CosignedCheckpoint | undefined;
  /** The largest of each log, the most recently cosigned first. */
  latest(limit: number): readonly CosignedCheckpoint[];
  put(checkpoint: CosignedCheckpoint): void;
  /** Keeps two notes that contradict each other, or may (`isProven`). False if there is no room for more of this log. */
  addFork(origin: string, fork: LogFork & { readonly isProven: boolean }): boolean;
  /** Whether a fork of this log was proven: it is never cosigned again. */
  isForked(origin: string): boolean;
  forks(): readonly (LogFork & { readonly origin: string; readonly isProven: boolean })[];
}

const KEPT_CHECKPOINTS = 1_024;
/** Of one log and kind; one proven fork says all. */
const MAX_FORKS = 16;
const VERSION = 1;
const SCHEMA = `
  CREATE TABLE checkpoints (number INTEGER PRIMARY KEY AUTOINCREMENT, origin TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL,
    note TEXT NOT NULL, UNIQUE (origin, size)) STRICT;
  CREATE TABLE forks (number INTEGER PRIMARY KEY, origin TEXT NOT NULL, first TEXT NOT NULL, second TEXT NOT NULL, proven INTEGER NOT NULL,
    UNIQUE (origin, first, second)) STRICT;
  PRAGMA user_version = ${VERSION};`;

/** Where a validator's folder has what it cosigned. */
export function cosignerPath(folder: string): string {
  return join(folder, 'cosigner.db');
}

/**
 * Opens or makes the database; whoever calls holds the folder's lock.
 *
 * @throws KarmeshError `STORE_FAILED` for a file that is damaged or of another version, `DISK_FULL`.
 */
export function openCosignerStore(path: string): CosignerStore {
  const guarded = <T>(run: () => T): T => {
    try {
      return run();
    } catch (cause) {
      throw sqliteError(path, cause);
    }
  };
  const db = guarded(() => opened(path));
  const one = (where: string, ...values: readonly (string | number)[]): CosignedCheckpoint | undefined =>
    guarded(() => {
      const row = db.prepare(`SELECT * FROM checkpoints WHERE ${where}`).get(...values);
      return row === undefined ? undefined : checkpointOf(row, path);
    });
  return {
    newest: (origin) => one('origin = ? ORDER BY size DESC LIMIT 1', origin),
    at: (origin, size) => one('origin = ? AND size = ?', origin, size),
    latest: (limit) =>
      guarded(() =>
        db
          .prepare(`SELECT * FROM checkpoints WHERE number IN
            (SELECT max(number) FROM checkpoints GROUP BY origin ORDER BY max(number) DESC LIMIT ?) ORDER BY number DESC`)
          .all(limit)
          .map((row) => checkpointOf(row, path)),
      ),
    put: ({ origin, size, root, note }) =>
      guarded(() => {
        db.exec('BEGIN IMMEDIATE');
        try {
          db.prepare('INSERT OR REPLACE INTO checkpoints (origin, size, root, note) VALUES (?, ?, ?, ?)').run(
            origin,
            size,
            root,
            note,
          );
          db.prepare(`DELETE FROM checkpoints WHERE origin = ? AND size <=
            (SELECT size FROM checkpoints WHERE origin = ? ORDER BY size DESC LIMIT 1 OFFSET ${KEPT_CHECKPOINTS})`).run(
            origin,
            origin,
          );
          db.exec('COMMIT');
        } catch (cause) {
          if (db.isTransaction) db.exec('ROLLBACK');
          throw cause;
        }
      }),
    addFork: (origin, { first, second, isProven }) =>
      guarded(() => {
        const { changes } = db
          .prepare(`INSERT OR IGNORE INTO forks (origin, first, second, proven) SELECT ?, ?, ?, ?
            WHERE (SELECT count(*) FROM forks WHERE origin = ? AND proven = ?) < ${MAX_FORKS}`)
          .run(origin, first, second, Number(isProven), origin, Number(isProven));
        return changes > 0;
      }),
    isForked: (origin) =>
      guarded(() => db.prepare('SELECT 1 FROM forks WHERE origin = ? AND proven = 1').get(origin) !== undefined),
    forks: () =>
      guarded(() =>
        db
          .prepare('SELECT * FROM forks ORDER BY number')
          .all()
          .map(({ origin, first, second, proven }) => {
            if (typeof origin !== 'string' || typeof first !== 'string' || typeof second !== 'string')
              throw damaged(path);
            return { origin, first, second, isProven: proven === 1 };
          }),
      ),
    [Symbol.dispose]() {
      if (db.isOpen) db.close();
    },
  };
}

function opened(path: string): DatabaseSync {
  const db = new DatabaseSync(path);
  try {
    const version = Number(db.prepare('PRAGMA user_version').get()?.user_version ?? 0);
    if (version !== 0 && version !== VERSION)
      throw new KarmeshError('STORE_FAILED', 'What was cosigned is of another version of Karmesh.', { path, version });
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
    if (version === 0) db.exec(`BEGIN; ${SCHEMA} COMMIT;`);
    return db;
  } catch (cause) {
    db.close();
    throw cause;
  }
}

function checkpointOf(row: Readonly<Record<string, unknown>>, path: string): CosignedCheckpoint {
  const { origin, size, root, note } = row;
  if (
    typeof origin !== 'string' ||
    typeof size !== 'number' ||
    !(root instanceof Uint8Array) ||
    typeof note !== 'string'
  )
    throw damaged(path);
  return { origin, size, root: new Uint8Array(root), note };
}

function damaged(path: string): KarmeshError {
  return new KarmeshError('STORE_FAILED', 'A cosigned checkpoint is damaged; restore the data folder from a copy.', {
    path,
  });
}
