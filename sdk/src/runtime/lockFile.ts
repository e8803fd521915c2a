import { mkdir, readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { KarmeshError } from '../errors.ts';
import { writeFileAtomic } from './atomicFile.ts';
import { storeError } from './storeError.ts';

const ownerSchema = z.strictObject({ pid: z.int().positive(), startedAt: z.iso.datetime(), host: z.string().max(255) });

/** Who holds a lock: the process, when it started (ISO 8601, UTC) and on which machine. */
export type LockOwner = z.infer<typeof ownerSchema>;

export type LockFile = AsyncDisposable & {
  readonly path: string;
  readonly owner: LockOwner;
  /** Gives the lock back; safe to call twice. */
  release(): Promise<void>;
};

const sqliteBusy = 5;

/**
 * Keeps a second process off one data folder. `path` names the owner for people; `path + '.held'` carries the lock itself, which
 * is the operating system's (taken through SQLite, since Node has no call for it). The system drops it the moment its owner
 * dies, by `kill -9` too, so there is no moment in which two processes take over a dead owner's lock, and a reused pid
 * cannot keep one alive. The folder must be on a file system with locks, which rules out some network mounts.
 *
 * @throws KarmeshError `STORE_LOCKED` with the owner's pid and start time, `DISK_FULL` or `STORE_FAILED`.
 */
export async function acquireLockFile(path: string): Promise<LockFile> {
  const held = `${path}.held`;
  let lock: DatabaseSync | undefined;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    lock = new DatabaseSync(held);
    lock.exec('PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (cause) {
    lock?.close();
    if (isBusy(cause)) throw await lockedError(path);
    throw storeError(held, cause);
  }
  const owner: LockOwner = {
    pid: process.pid,
    startedAt: new Date(Math.round(performance.timeOrigin)).toISOString(),
    host: hostname(),
  };
  const database = lock;
  try {
    await writeFileAtomic({ path, bytes: `${JSON.stringify(owner)}\n`, mode: 0o644 });
  } catch (cause) {
    database.close();
    throw cause;
  }
  let released: Promise<void> | undefined;
  const release = (): Promise<void> => {
    // The name goes first: once the lock is open another process may already have written its own name.
    released ??= rm(path, { force: true }).finally(() => database.close());
    return released;
  };
  return { path, owner, release, [Symbol.asyncDispose]: release };
}

function isBusy(cause: unknown): boolean {
  return typeof cause === 'object' && cause !== null && 'errcode' in cause && cause.errcode === sqliteBusy;
}

async function lockedError(path: string): Promise<KarmeshError> {
  const owner = await readOwner(path);
  return new KarmeshError('STORE_LOCKED', 'Another process uses this data folder.', {
    path,
    pid: owner?.pid,
    startedAt: owner?.startedAt,
    host: owner?.host,
  });
}

/** The owner that a lock file names, or undefined while its owner is between taking the lock and writing its name. */
async function readOwner(path: string): Promise<LockOwner | undefined> {
  try {
    return ownerSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return undefined;
  }
}
