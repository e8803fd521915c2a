import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { KarmeshError } from '@karmesh/sdk/errors';
import { decode, encode, type Hash } from '@karmesh/sdk/protocol';
import { sqliteError } from '../store/sqliteError.ts';
import { FOUND_CODECS, type Found, nameOf } from './finding.ts';

/**
 * How far a finding has come. `found`: on disk. `committed`: the chain has the commitment, or the question. `shown`: the chain has the evidence, whoever showed
 * it, or nobody answered in time, and voters are still to be accused. `settled`: all cases are on chain, or the question was answered, which is the reason
 * then. `refused`: the chain does not take it, or its time is over.
 */
export const FINDING_STATES = ['found', 'committed', 'shown', 'settled', 'refused'] as const;
export type FindingState = (typeof FINDING_STATES)[number];

export type Finding = Found & {
  /** From 1; the buffer's nonce. */
  readonly number: bigint;
  readonly name: string;
  /** What the commitment hides the evidence by (P-41). */
  readonly salt: Hash;
  readonly foundSlot: bigint;
  readonly state: FindingState;
  /** Whether this validator's evidence is the one that the chain has. */
  readonly isOurs: boolean;
  /** Why it is refused, or `answered`; empty for the others. */
  readonly reason: string;
};

/** What was found, until all of it is on chain, and what bringing it has cost. Each call returns once it is on disk. */
export interface FindingStore extends Disposable {
  /** False if it was found before, or if there is no room. */
  add(found: Found, about: { readonly salt: Hash; readonly slot: bigint }): boolean;
  /** What is not settled or refused, oldest first. */
  open(): readonly Finding[];
  all(): readonly Finding[];
  move(
    finding: Pick<Finding, 'number'>,
    to: { readonly state: FindingState; readonly isOurs?: boolean; readonly reason?: string },
  ): void;
  /** Notes that an epoch was gone through, for double signatures, for bad ones or for reports. */
  note(what: Looked, epoch: bigint): void;
  hasLooked(what: Looked, epoch: bigint): boolean;
  /** Lamports that bringing evidence has cost in an epoch, without those that came back. */
  spent(epoch: bigint): bigint;
  spend(epoch: bigint, lamports: bigint): void;
  /** What was counted as spent came back. */
  giveBack(epoch: bigint, lamports: bigint): void;
}
export type Looked = 'entries' | 'signatures' | 'reports';

/** Findings that are not settled: two records or ten kilobytes each. */
const MAX_OPEN = 1024;
/** Settled ones that stay to be read by people. */
const MAX_SETTLED = 4096;
const VERSION = 1;
const SCHEMA = `
  CREATE TABLE findings (number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, type TEXT NOT NULL, bytes BLOB NOT NULL,
    salt BLOB NOT NULL, found_slot INTEGER NOT NULL, state TEXT NOT NULL, ours INTEGER NOT NULL, reason TEXT NOT NULL) STRICT;
  CREATE TABLE looked (what TEXT NOT NULL, epoch INTEGER NOT NULL, PRIMARY KEY (what, epoch)) STRICT, WITHOUT ROWID;
  CREATE TABLE spent (epoch INTEGER PRIMARY KEY, lamports INTEGER NOT NULL) STRICT;
  PRAGMA user_version = ${VERSION};`;

/** Where a validator's folder has what it found. */
export function findingsPath(folder: string): string {
  return join(folder, 'evidence.db');
}

/**
 * Opens or makes the database; whoever calls holds the folder's lock.
 *
 * @throws KarmeshError `STORE_FAILED` for a file that is damaged or of another version, `DISK_FULL`.
 */
export function openFindingStore(path: string): FindingStore {
  return findingStore(path, { readOnly: false });
}

/** Reads what a validator found, also while it runs. Throws `STORE_FAILED` if there is no such file. */
export function readFindings(path: string): readonly Finding[] {
  using store = findingStore(path, { readOnly: true });
  return store.all();
}

function findingStore(path: string, { readOnly }: { readonly readOnly: boolean }): FindingStore {
  const guarded = <T>(run: () => T): T => {
    try {
      return run();
    } catch (cause) {
      throw sqliteError(path, cause);
    }
  };
  const db = guarded(() => opened(path, readOnly));
  const rowsOf = (where: string): readonly Finding[] =>
    guarded(() => {
      const query = db.prepare(`SELECT * FROM findings ${where} ORDER BY number`);
      query.setReadBigInts(true);
      return query.all().map((row) => findingOf(row, path));
    });
  const countOf = (where: string): number =>
    Number(db.prepare(`SELECT count(*) AS count FROM findings WHERE ${where}`).get()?.count ?? 0);
  return {
    add: (found, { salt, slot }) =>
      guarded(() => {
        if (countOf(IS_OPEN) >= MAX_OPEN) return false;
        const { changes } = db
          .prepare(`INSERT OR IGNORE INTO findings (name, type, bytes, salt, found_slot, state, ours, reason)
            VALUES (?, ?, ?, ?, ?, 'found', 0, '')`)
          .run(nameOf(found), found.type, bytesOf(found), salt, slot);
        db.exec(
          `DELETE FROM findings WHERE NOT (${IS_OPEN}) AND number <= (SELECT max(number) FROM findings) - ${MAX_SETTLED}`,
        );
        return changes > 0;
      }),
    open: () => rowsOf(`WHERE ${IS_OPEN}`),
    all: () => rowsOf(''),
    move: ({ number }, { state, isOurs, reason = '' }) =>
      guarded(() => {
        db.prepare('UPDATE findings SET state = ?, reason = ?, ours = max(ours, ?) WHERE number = ?').run(
          state,
          reason,
          isOurs === true ? 1 : 0,
          number,
        );
      }),
    note: (what, epoch) =>
      guarded(() => {
        db.prepare('INSERT OR IGNORE INTO looked (what, epoch) VALUES (?, ?)').run(what, epoch);
        db.prepare('DELETE FROM looked WHERE epoch < ?').run(epoch - KEPT_EPOCHS);
      }),
    hasLooked: (what, epoch) =>
      guarded(() => db.prepare('SELECT 1 FROM looked WHERE what = ? AND epoch = ?').get(what, epoch) !== undefined),
    spent: (epoch) =>
      guarded(() => BigInt(Number(db.prepare('SELECT lamports FROM spent WHERE epoch = ?').get(epoch)?.lamports ?? 0))),
    spend: (epoch, lamports) =>
      guarded(() => {
        db.prepare(
          'INSERT INTO spent (epoch, lamports) VALUES (?, ?) ON CONFLICT (epoch) DO UPDATE SET lamports = lamports + excluded.lamports',
        ).run(epoch, lamports);
        db.prepare('DELETE FROM spent WHERE epoch < ?').run(epoch - KEPT_EPOCHS);
      }),
    giveBack: (epoch, lamports) =>
      guarded(() => {
        db.prepare('UPDATE spent SET lamports = max(0, lamports - ?) WHERE epoch = ?').run(lamports, epoch);
      }),
    [Symbol.dispose]() {
      if (db.isOpen) db.close();
    },
  };
}

const IS_OPEN = "state NOT IN ('settled', 'refused')";
/** Evidence is taken for less than 64 epochs (P-51). */
const KEPT_EPOCHS = 128n;

function opened(path: string, readOnly: boolean): DatabaseSync {
  const db = new DatabaseSync(path, { readOnly });
  try {
    const version = Number(db.prepare('PRAGMA user_version').get()?.user_version ?? 0);
    const isNew = version === 0 && !readOnly;
    if (!isNew && version !== VERSION)
      throw new KarmeshError('STORE_FAILED', 'What was found is of another version of Karmesh.', { path, version });
    if (!readOnly) db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
    if (isNew) db.exec(`BEGIN; ${SCHEMA} COMMIT;`);
    return db;
  } catch (cause) {
    db.close();
    throw cause;
  }
}

function bytesOf(found: Found): Uint8Array {
  switch (found.type) {
    case 'doubleSign':
      return encode(FOUND_CODECS.doubleSign, found.of);
    case 'falseReport':
      return encode(FOUND_CODECS.falseReport, found.of);
    case 'badSet':
      return encode(FOUND_CODECS.badSet, found.of);
    case 'hiddenReport':
      return encode(FOUND_CODECS.hiddenReport, found.of);
  }
}

function findingOf(row: Readonly<Record<string, unknown>>, path: string): Finding {
  const { number, name, type, bytes, salt, found_slot: foundSlot, state, ours, reason } = row;
  const isState = (value: unknown): value is FindingState => FINDING_STATES.some((one) => one === value);
  if (
    typeof number !== 'bigint' ||
    typeof name !== 'string' ||
    !(bytes instanceof Uint8Array) ||
    !(salt instanceof Uint8Array) ||
    typeof foundSlot !== 'bigint' ||
    typeof reason !== 'string' ||
    !isState(state)
  )
    throw new KarmeshError('STORE_FAILED', 'A finding is damaged; restore the data folder from a copy.', { path });
  const about = { number, name, salt, foundSlot, state, isOurs: ours === 1n, reason };
  switch (type) {
    case 'doubleSign':
      return { type, of: decode(FOUND_CODECS.doubleSign, bytes), ...about };
    case 'badSet':
      return { type, of: decode(FOUND_CODECS.badSet, bytes), ...about };
    case 'hiddenReport':
      return { type, of: decode(FOUND_CODECS.hiddenReport, bytes), ...about };
    default:
      return { type: 'falseReport', of: decode(FOUND_CODECS.falseReport, bytes), ...about };
  }
}
