import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { KarmeshError } from '@karmesh/sdk/errors';
import {
  type Candidate,
  type CandidateGroup,
  candidateCodec,
  decode,
  type EscrowAddress,
  encode,
  type Hash,
  joinBytes,
  toHex,
} from '@karmesh/sdk/protocol';
import {
  damagedRow,
  decodeEntryRow,
  decodeSnapshot,
  decodeVerdictRow,
  encodeEntryRow,
  encodeSnapshot,
  encodeVerdictRow,
  entryBytesOf,
  type StoredEntry,
  type StoredVerdict,
} from './epochRecords.ts';
import { type HashIndex, hashIndex } from './hashIndex.ts';
import { isFailedSync, sqliteError } from './sqliteError.ts';

/** What this validator holds of one epoch. Entries lie on disk; whoever goes through them holds one at a time. */
export interface EpochBook {
  readonly epoch: bigint;
  readonly entryCount: number;
  has(entryHash: Hash): boolean;
  /** An entry of the epoch. */
  entry(entryHash: Hash): StoredEntry | undefined;
  /** The entries in the order in which they came; what comes while one goes through them comes too. */
  entries(): Iterable<StoredEntry>;
  /** An entry of an earlier set that waits for this epoch's tally. */
  carriedEntry(entryHash: Hash): StoredEntry | undefined;
  hasCarried(entryHash: Hash): boolean;
  /** The escrows that the epoch's entries name, each once. */
  escrows(): Iterable<EscrowAddress>;
  /** By hex hash. */
  readonly verdicts: ReadonlyMap<string, StoredVerdict>;
  /** every group of candidates, read while it was the epoch's own. */
  readonly snapshot: readonly CandidateGroup[] | undefined;
}

/** A book that is open for writing. Each call returns once its rows are on disk, all of them or, if it throws, none. */
export interface OpenBook extends EpochBook, Disposable {
  /** What is there already is passed over. */
  addEntries(entries: readonly StoredEntry[], as: 'entry' | 'carried'): void;
  addVerdict(stored: StoredVerdict): void;
  addSnapshot(groups: readonly CandidateGroup[]): void;
  /** The bytes of an entry, of the epoch or carried into it. */
  bytesOf(entryHash: Hash): Uint8Array | undefined;
}

/** "KARM", by which SQLite's own tools and we know the file. */
const APPLICATION_ID = 0x4b41524d;
const VERSION = 1;

/**
 * With WAL and synchronous=FULL a commit is on disk (fsync of the log) before it returns, and what a crash tore off the log's end is
 * passed over by its checksums. An entry is 2.5 kB: pages of 16 KiB hold six, those of 4 KiB one.
 */
const PRAGMAS = `PRAGMA page_size = 16384; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
  PRAGMA cache_size = -16384; PRAGMA journal_size_limit = 67108864;`;

/**
 * Rows are only ever added, at the end: an index over hashes, which are random, would write a page for each. The hashes of what one
 * commit adds stand together in `entry_hashes`, from number `first` on, and are found through an index in memory. `carried`: of
 * an earlier set.
 */
const SCHEMA = `
  CREATE TABLE entries (number INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
  CREATE TABLE entry_hashes (first INTEGER PRIMARY KEY, hashes BLOB NOT NULL) STRICT;
  CREATE TABLE carried (number INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
  CREATE TABLE carried_hashes (first INTEGER PRIMARY KEY, hashes BLOB NOT NULL) STRICT;
  CREATE TABLE candidates (number INTEGER PRIMARY KEY, bytes BLOB NOT NULL UNIQUE) STRICT;
  CREATE TABLE escrows (address BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
  CREATE TABLE verdicts (hash BLOB PRIMARY KEY, bytes BLOB NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE snapshot (number INTEGER PRIMARY KEY CHECK (number = 1), bytes BLOB NOT NULL) STRICT;
  PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${VERSION};`;

const HASH_BYTES = 32;

/** Rows that are read at once when all are gone through. */
const PAGE_ROWS = 64;

/**
 * Opens or makes the database of an epoch. Nothing of its entries is read but their number.
 *
 * @throws KarmeshError `STORE_FAILED` for a file that is none of ours or is damaged, `DISK_FULL`.
 */
export function openEpochBook(options: {
  readonly path: string;
  readonly epoch: bigint;
  /** Pages of 16 KiB that the file may have; as many as SQLite allows unless told. */
  readonly maxPages?: number;
}): OpenBook {
  const { path, epoch } = options;
  const guarded = <T>(run: () => T): T => {
    try {
      return run();
    } catch (cause) {
      if (cause instanceof KarmeshError && cause.code === 'STORE_FAILED' && cause.facts.path === undefined)
        throw new KarmeshError('STORE_FAILED', cause.message, { ...cause.facts, path }, cause);
      throw sqliteError(path, cause);
    }
  };
  const db = guarded(() => new DatabaseSync(path));
  try {
    guarded(() => prepareFile(db, path));
    if (options.maxPages !== undefined) db.exec(`PRAGMA max_page_count = ${options.maxPages}`);
    return bookOf(db, { path, epoch, guarded });
  } catch (error) {
    db.close();
    throw error;
  }
}

function prepareFile(db: DatabaseSync, path: string): void {
  const [id, version] = ['application_id', 'user_version'].map((name) => pragma(db, name));
  if (id === APPLICATION_ID && version === VERSION) return void db.exec(PRAGMAS);
  const { tables } = db.prepare('SELECT count(*) AS tables FROM sqlite_schema').get() ?? {};
  if (id !== 0 || version !== 0 || tables !== 0)
    throw new KarmeshError('STORE_FAILED', 'The file is no epoch of this version of Karmesh.', { path, id, version });
  db.exec(PRAGMAS);
  db.exec(`BEGIN IMMEDIATE; ${SCHEMA} COMMIT`);
}

function pragma(db: DatabaseSync, name: string): number {
  const [value] = Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {});
  return Number(value);
}

function bookOf(
  db: DatabaseSync,
  of: { readonly path: string; readonly epoch: bigint; readonly guarded: <T>(run: () => T) => T },
): OpenBook {
  const { path, epoch, guarded } = of;
  const sql = guarded(() => ({
    begin: db.prepare('BEGIN IMMEDIATE'),
    commit: db.prepare('COMMIT'),
    rollback: db.prepare('ROLLBACK'),
    entry: tableOf(db, 'entries', 'entry_hashes'),
    carried: tableOf(db, 'carried', 'carried_hashes'),
    page: db.prepare(`SELECT number, bytes FROM entries WHERE number > ? ORDER BY number LIMIT ${PAGE_ROWS}`),
    addCandidate: db.prepare('INSERT INTO candidates (number, bytes) VALUES (?, ?)'),
    addEscrow: db.prepare('INSERT INTO escrows (address) VALUES (?)'),
    addVerdict: db.prepare('INSERT INTO verdicts (hash, bytes) VALUES (?, ?)'),
    addSnapshot: db.prepare('INSERT INTO snapshot (number, bytes) VALUES (1, ?)'),
  }));
  const loaded = guarded(() => load(db));
  const { candidates, numbers, escrows, verdicts } = loaded;
  let { snapshot } = loaded;
  let broken: unknown;
  /** Draws name the same objects again and again. */
  const byObject = new WeakMap<Candidate, number>();

  /** All of what `write` does is on disk when this returns; if it throws, nothing of it is there. */
  function committed<T>(write: () => T): T {
    return guarded(() => {
      if (broken !== undefined) throw broken;
      sql.begin.run();
      try {
        const value = write();
        sql.commit.run();
        return value;
      } catch (cause) {
        if (db.isTransaction) sql.rollback.run();
        if (isFailedSync(cause)) broken = sqliteError(path, cause);
        throw cause;
      }
    });
  }

  function addEntries(entries: readonly StoredEntry[], as: 'entry' | 'carried'): void {
    const table = sql[as];
    const newCandidates: Candidate[] = [];
    const newNumbers = new Map<string, number>();
    const newEscrows = new Map<string, EscrowAddress>();
    const numberOf = (candidate: Candidate): number => {
      const quick = byObject.get(candidate);
      if (quick !== undefined) return quick;
      const key = candidateKey(candidate);
      const known = numbers.get(key) ?? newNumbers.get(key);
      if (known !== undefined) return known;
      const number = candidates.length + newCandidates.length;
      sql.addCandidate.run(number, encode(candidateCodec, candidate));
      newCandidates.push(candidate);
      newNumbers.set(key, number);
      return number;
    };
    const first = table.index.count;
    const added = new Map<string, Hash>();
    for (const { entryHash } of entries)
      if (table.index.find(entryHash) === undefined) added.set(toHex(entryHash), entryHash);
    if (added.size === 0) return;
    const waiting = new Set(added.keys());
    committed(() => {
      let number = first;
      table.addHashes.run(first, joinBytes([...added.values()]));
      for (const stored of entries) {
        if (!waiting.delete(toHex(stored.entryHash))) continue;
        table.add.run(number, encodeEntryRow(stored, numberOf));
        number += 1;
        const { escrow } = stored.checked.entry.ticket.value;
        const key = toHex(escrow);
        if (as === 'carried' || escrows.has(key) || newEscrows.has(key)) continue;
        sql.addEscrow.run(escrow);
        newEscrows.set(key, escrow);
      }
    });
    // What failed left nothing in memory either.
    candidates.push(...newCandidates);
    for (const [key, number] of newNumbers) numbers.set(key, number);
    for (const { checked } of entries)
      for (const candidate of checked.drawn) {
        const number = byObject.has(candidate) ? undefined : numbers.get(candidateKey(candidate));
        if (number !== undefined) byObject.set(candidate, number);
      }
    for (const [key, escrow] of newEscrows) escrows.set(key, escrow);
    for (const entryHash of added.values()) table.index.add(entryHash);
  }

  const candidateOf = (number: number): Candidate | undefined => candidates[number];
  const find = (table: Table, entryHash: Hash): StoredEntry | undefined =>
    guarded(() => {
      const row = rowOf(table, entryHash);
      return row === undefined ? undefined : decodeEntryRow({ entryHash, bytes: bytesIn(row.bytes) }, candidateOf);
    });

  function* entries(): Generator<StoredEntry> {
    for (let after = -1; ; ) {
      // A page at a time, so that no statement stays open while others write.
      const rows = guarded(() => sql.page.all(after));
      for (const row of rows) {
        after = Number(row.number);
        yield guarded(() =>
          decodeEntryRow({ entryHash: sql.entry.index.at(after), bytes: bytesIn(row.bytes) }, candidateOf),
        );
      }
      if (rows.length < PAGE_ROWS) return;
    }
  }

  return {
    epoch,
    get entryCount() {
      return sql.entry.index.count;
    },
    has: (entryHash) => sql.entry.index.find(entryHash) !== undefined,
    entry: (entryHash) => find(sql.entry, entryHash),
    entries,
    carriedEntry: (entryHash) => find(sql.carried, entryHash),
    hasCarried: (entryHash) => sql.carried.index.find(entryHash) !== undefined,
    escrows: () => escrows.values(),
    verdicts,
    get snapshot() {
      return snapshot;
    },
    addEntries,
    addVerdict(stored) {
      const key = toHex(stored.verdictHash);
      if (verdicts.has(key)) return;
      committed(() => sql.addVerdict.run(stored.verdictHash, encodeVerdictRow(stored)));
      verdicts.set(key, stored);
    },
    addSnapshot(groups) {
      if (snapshot !== undefined) return;
      committed(() => sql.addSnapshot.run(encodeSnapshot(groups)));
      snapshot = groups;
    },
    bytesOf: (entryHash) =>
      guarded(() => {
        const row = rowOf(sql.entry, entryHash) ?? rowOf(sql.carried, entryHash);
        return row === undefined ? undefined : entryBytesOf({ entryHash, bytes: bytesIn(row.bytes) });
      }),
    [Symbol.dispose]() {
      if (db.isOpen) db.close();
    },
  };
}

/** The statements of one of the two tables of entries. */
interface Table {
  /** Where an entry's number is its position. */
  readonly index: HashIndex;
  readonly find: StatementSync;
  readonly add: StatementSync;
  readonly addHashes: StatementSync;
}

function tableOf(db: DatabaseSync, name: 'entries' | 'carried', hashes: 'entry_hashes' | 'carried_hashes'): Table {
  const index = hashIndex();
  for (const row of db.prepare(`SELECT first, hashes FROM ${hashes} ORDER BY first`).iterate()) {
    const bytes = bytesIn(row.hashes);
    if (Number(row.first) !== index.count || bytes.length % HASH_BYTES !== 0) throw damagedRow();
    for (let at = 0; at < bytes.length; at += HASH_BYTES) index.add(bytes.subarray(at, at + HASH_BYTES));
  }
  return {
    index,
    find: db.prepare(`SELECT bytes FROM ${name} WHERE number = ?`),
    add: db.prepare(`INSERT INTO ${name} (number, bytes) VALUES (?, ?)`),
    addHashes: db.prepare(`INSERT INTO ${hashes} (first, hashes) VALUES (?, ?)`),
  };
}

/** Throws `STORE_FAILED` if the index has the entry and the table does not. */
function rowOf(table: Table, entryHash: Hash): { readonly bytes: unknown } | undefined {
  const number = table.index.find(entryHash);
  if (number === undefined) return undefined;
  const row = table.find.get(number);
  if (row === undefined) throw damagedRow();
  return { bytes: row.bytes };
}

/** What of an epoch is held in memory: what is small or asked for again and again. */
function load(db: DatabaseSync) {
  const rows = (query: string) => db.prepare(query).all();
  const candidates = rows('SELECT bytes FROM candidates ORDER BY number').map((row) =>
    decode(candidateCodec, bytesIn(row.bytes)),
  );
  const [snapshot] = rows('SELECT bytes FROM snapshot').map((row) => decodeSnapshot(bytesIn(row.bytes)));
  const verdicts = rows('SELECT hash, bytes FROM verdicts').map((row) =>
    decodeVerdictRow({ verdictHash: bytesIn(row.hash), bytes: bytesIn(row.bytes) }),
  );
  const escrows = rows('SELECT address FROM escrows').map((row): EscrowAddress => bytesIn(row.address));
  return {
    candidates,
    numbers: new Map(candidates.map((candidate, number) => [candidateKey(candidate), number])),
    snapshot,
    verdicts: new Map(verdicts.map((stored) => [toHex(stored.verdictHash), stored])),
    escrows: new Map(escrows.map((address) => [toHex(address), address])),
  };
}

/** All of a candidate's fields: its identity and its weight may be others in another snapshot. */
function candidateKey({ participant, index, identity, weight }: Candidate): string {
  return `${toHex(participant)} ${index} ${toHex(identity)} ${weight}`;
}

function bytesIn(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw damagedRow();
}
