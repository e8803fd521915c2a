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
  toHex,
} from '@karmesh/sdk/protocol';
import {
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

/** Entries are found by hash and gone through by number. `carried`: of an earlier set. */
const SCHEMA = `
  CREATE TABLE entries (number INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, bytes BLOB NOT NULL) STRICT;
  CREATE TABLE carried (number INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, bytes BLOB NOT NULL) STRICT;
  CREATE TABLE candidates (number INTEGER PRIMARY KEY, bytes BLOB NOT NULL UNIQUE) STRICT;
  CREATE TABLE escrows (address BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
  CREATE TABLE verdicts (hash BLOB PRIMARY KEY, bytes BLOB NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE snapshot (number INTEGER PRIMARY KEY CHECK (number = 1), bytes BLOB NOT NULL) STRICT;
  PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${VERSION};`;

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
    entry: tableOf(db, 'entries'),
    carried: tableOf(db, 'carried'),
    page: db.prepare(`SELECT number, hash, bytes FROM entries WHERE number > ? ORDER BY number LIMIT ${PAGE_ROWS}`),
    addCandidate: db.prepare('INSERT INTO candidates (number, bytes) VALUES (?, ?)'),
    addEscrow: db.prepare('INSERT INTO escrows (address) VALUES (?)'),
    addVerdict: db.prepare('INSERT INTO verdicts (hash, bytes) VALUES (?, ?)'),
    addSnapshot: db.prepare('INSERT INTO snapshot (number, bytes) VALUES (1, ?)'),
  }));
  const loaded = guarded(() => load(db));
  const { candidates, numbers, escrows, verdicts } = loaded;
  let { snapshot, entryCount } = loaded;
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
    const added = committed(() => {
      let count = 0;
      for (const stored of entries) {
        if (table.has.get(stored.entryHash) !== undefined) continue;
        table.add.run(stored.entryHash, encodeEntryRow(stored, numberOf));
        count += 1;
        const { escrow } = stored.checked.entry.ticket.value;
        const key = toHex(escrow);
        if (as === 'carried' || escrows.has(key) || newEscrows.has(key)) continue;
        sql.addEscrow.run(escrow);
        newEscrows.set(key, escrow);
      }
      return count;
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
    if (as === 'entry') entryCount += added;
  }

  const candidateOf = (number: number): Candidate | undefined => candidates[number];
  const find = (table: Table, entryHash: Hash): StoredEntry | undefined =>
    guarded(() => {
      const row = table.find.get(entryHash);
      return row === undefined ? undefined : decodeEntryRow({ entryHash, bytes: bytesIn(row.bytes) }, candidateOf);
    });

  function* entries(): Generator<StoredEntry> {
    for (let after = -1; ; ) {
      // A page at a time, so that no statement stays open while others write.
      const rows = guarded(() => sql.page.all(after));
      for (const row of rows) {
        after = Number(row.number);
        yield guarded(() =>
          decodeEntryRow({ entryHash: bytesIn(row.hash).slice(), bytes: bytesIn(row.bytes) }, candidateOf),
        );
      }
      if (rows.length < PAGE_ROWS) return;
    }
  }

  return {
    epoch,
    get entryCount() {
      return entryCount;
    },
    has: (entryHash) => guarded(() => sql.entry.has.get(entryHash) !== undefined),
    entry: (entryHash) => find(sql.entry, entryHash),
    entries,
    carriedEntry: (entryHash) => find(sql.carried, entryHash),
    hasCarried: (entryHash) => guarded(() => sql.carried.has.get(entryHash) !== undefined),
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
        const row = sql.entry.find.get(entryHash) ?? sql.carried.find.get(entryHash);
        return row === undefined ? undefined : entryBytesOf({ entryHash, bytes: bytesIn(row.bytes) });
      }),
    [Symbol.dispose]() {
      if (db.isOpen) db.close();
    },
  };
}

/** The statements of one of the two tables of entries. */
interface Table {
  readonly has: StatementSync;
  readonly find: StatementSync;
  readonly add: StatementSync;
}

function tableOf(db: DatabaseSync, name: 'entries' | 'carried'): Table {
  return {
    has: db.prepare(`SELECT 1 FROM ${name} WHERE hash = ?`),
    find: db.prepare(`SELECT bytes FROM ${name} WHERE hash = ?`),
    add: db.prepare(`INSERT INTO ${name} (hash, bytes) VALUES (?, ?)`),
  };
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
    // Rows are never removed, so that the newest one's number is how many there are.
    entryCount: Number(rows('SELECT coalesce(max(number), 0) AS count FROM entries')[0]?.count ?? 0),
  };
}

/** All of a candidate's fields: its identity and its weight may be others in another snapshot. */
function candidateKey({ participant, index, identity, weight }: Candidate): string {
  return `${toHex(participant)} ${index} ${toHex(identity)} ${weight}`;
}

function bytesIn(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw new KarmeshError('STORE_FAILED', 'A row of an epoch is damaged; restore the data folder from a copy.');
}
