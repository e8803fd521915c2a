import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { BodyReference } from '@karmesh/sdk/protocol';
import {
  type CandidateGroup,
  type Domain,
  encode,
  entryCodec,
  type Hash,
  toHex,
  type Verdict,
  verdictRecord,
} from '@karmesh/sdk/protocol';
import { type AppendLog, acquireLockFile, openAppendLog, storeError } from '@karmesh/sdk/runtime';
import { openBodyFiles } from './bodyFiles.ts';
import { isReference, openBodyIndex, type StoredKind } from './bodyIndex.ts';
import {
  decodeEpochRecord,
  type EpochRecord,
  encodeEpochRecord,
  MAX_RECORD_BYTES,
  type StoredEntry,
  type StoredVerdict,
} from './epochRecords.ts';

/** What this validator holds of one epoch. Keys are hex hashes. */
export interface EpochBook {
  readonly epoch: bigint;
  readonly entries: ReadonlyMap<string, StoredEntry>;
  /** Entries of earlier sets that wait for this epoch's tally. */
  readonly carried: ReadonlyMap<string, StoredEntry>;
  readonly verdicts: ReadonlyMap<string, StoredVerdict>;
  /** every group of candidates, read while it was the epoch's own. */
  readonly snapshot: readonly CandidateGroup[] | undefined;
}

export interface StoreOptions {
  readonly folder: string;
  readonly domain: Domain;
  /** How many of the last epochs are held in memory, 16 unless told. */
  readonly loadedEpochs?: number;
  /** How many of the last epochs stay on disk, 100,000 unless told. */
  readonly keptEpochs?: number;
}

export interface Store extends AsyncDisposable {
  /** Undefined for an epoch of which nothing is held in memory. */
  book(epoch: bigint): EpochBook | undefined;
  /** Epochs in memory, oldest first. */
  epochs(): readonly bigint[];
  /** Each `add` resolves once the record is on disk, and does nothing for what is there already. */
  addEntry(stored: StoredEntry): Promise<void>;
  addCarried(epoch: bigint, stored: StoredEntry): Promise<void>;
  addVerdict(stored: StoredVerdict): Promise<void>;
  addSnapshot(epoch: bigint, groups: readonly CandidateGroup[]): Promise<void>;
  addBody(body: {
    readonly epoch: bigint;
    readonly kind: StoredKind;
    readonly key: Hash;
    readonly bytes: Uint8Array;
  }): Promise<Hash>;
  /** The bodies of any epoch on disk that peers are told of (V-18). */
  bodiesOf(epoch: bigint): readonly BodyReference[];
  /** The bytes under a hash: a body, or an entry of an epoch in memory. */
  bytesOf(hash: Hash): Promise<Uint8Array | undefined>;
  entry(entryHash: Hash): StoredEntry | undefined;
  /** Bytes that opening cut off torn ends of logs. */
  readonly cutBytes: number;
}

interface OpenBook extends EpochBook {
  readonly log: AppendLog;
  readonly entries: Map<string, StoredEntry>;
  readonly carried: Map<string, StoredEntry>;
  readonly verdicts: Map<string, StoredVerdict>;
  snapshot: readonly CandidateGroup[] | undefined;
}

/**
 * The validator's data folder: a lock, one append log per epoch, bodies by hash and their index. What an `add` acknowledged survives `kill -9`.
 *
 * @throws KarmeshError `STORE_LOCKED` for a second process, `STORE_FAILED`, `DISK_FULL`.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { folder, domain, loadedEpochs = 16, keptEpochs = 100_000 } = options;
  const epochsFolder = join(folder, 'epochs');
  const lock = await acquireLockFile(join(folder, 'lock'));
  const books = new Map<bigint, Promise<OpenBook>>();
  const ready = new Map<bigint, OpenBook>();
  let cutBytes = 0;
  const verdictHashOf = (verdict: Verdict): Hash => verdictRecord.hash(domain, verdict);
  const pathOf = (epoch: bigint): string => join(epochsFolder, `${epoch}.log`);

  async function load(epoch: bigint): Promise<OpenBook> {
    const log = await openAppendLog({ path: pathOf(epoch), maxRecordBytes: MAX_RECORD_BYTES });
    cutBytes += log.cutBytes;
    const book: OpenBook = {
      epoch,
      log,
      entries: new Map(),
      carried: new Map(),
      verdicts: new Map(),
      snapshot: undefined,
    };
    for await (const bytes of log.read()) apply(book, decodeEpochRecord(bytes, verdictHashOf));
    return book;
  }

  /** The book of an epoch, opened if need be; books beyond the newest `loadedEpochs` leave memory. */
  async function opened(epoch: bigint): Promise<OpenBook> {
    let opening = books.get(epoch);
    if (opening === undefined) {
      opening = load(epoch);
      books.set(epoch, opening);
      try {
        ready.set(epoch, await opening);
      } catch (cause) {
        books.delete(epoch);
        throw cause;
      }
      await unloadOld(epoch);
    }
    return opening;
  }

  async function unloadOld(keep: bigint): Promise<void> {
    const sorted = [...ready.keys()].filter((epoch) => epoch !== keep).sort((a, b) => (a < b ? -1 : 1));
    for (const epoch of sorted.slice(0, Math.max(0, sorted.length + 1 - loadedEpochs))) {
      const book = ready.get(epoch);
      ready.delete(epoch);
      books.delete(epoch);
      await book?.log.close();
    }
  }

  async function add(
    epoch: bigint,
    options_: { readonly record: EpochRecord; readonly has: (book: OpenBook) => boolean },
  ): Promise<void> {
    const book = await opened(epoch);
    if (options_.has(book)) return;
    await book.log.append(encodeEpochRecord(options_.record));
    apply(book, options_.record);
  }

  let bodies: Awaited<ReturnType<typeof openBodyFiles>>;
  let index: Awaited<ReturnType<typeof openBodyIndex>>;
  try {
    bodies = await openBodyFiles(join(folder, 'bodies'));
    index = await openBodyIndex(join(folder, 'bodies.log'));
  } catch (cause) {
    await lock.release();
    throw cause;
  }
  cutBytes += index.log.cutBytes;
  try {
    await mkdir(epochsFolder, { recursive: true, mode: 0o700 });
    const logs = (await readdir(epochsFolder)).flatMap((name) =>
      /^\d+\.log$/.test(name) ? [BigInt(name.slice(0, -4))] : [],
    );
    const known = [...new Set([...logs, ...index.epochs()])].sort((a, b) => (a < b ? -1 : 1));
    for (const epoch of known.slice(0, Math.max(0, known.length - keptEpochs))) await removeEpoch(epoch);
    const kept = known.slice(-keptEpochs);
    for (const epoch of kept.slice(-loadedEpochs)) if (logs.includes(epoch)) await opened(epoch);
  } catch (cause) {
    await Promise.all([index.log.close(), ...[...ready.values()].map(({ log }) => log.close())]);
    await lock.release();
    throw storeError(epochsFolder, cause);
  }

  async function removeEpoch(epoch: bigint): Promise<void> {
    for (const { bodyHash } of index.of(epoch)) await bodies.remove(bodyHash);
    index.forget(epoch);
    await rm(pathOf(epoch), { force: true });
  }

  const entry = (entryHash: Hash): StoredEntry | undefined => {
    const key = toHex(entryHash);
    for (const book of ready.values()) {
      const found = book.entries.get(key) ?? book.carried.get(key);
      if (found !== undefined) return found;
    }
    return undefined;
  };

  return {
    book: (epoch) => ready.get(epoch),
    epochs: () => [...ready.keys()].sort((a, b) => (a < b ? -1 : 1)),
    addEntry: (stored) =>
      add(stored.checked.epoch, {
        record: { type: 'entry', stored },
        has: (book) => book.entries.has(toHex(stored.entryHash)),
      }),
    addCarried: (epoch, stored) =>
      add(epoch, { record: { type: 'carried', stored }, has: (book) => book.carried.has(toHex(stored.entryHash)) }),
    addVerdict: (stored) =>
      add(stored.signed.value.epoch, {
        record: { type: 'verdict', stored },
        has: (book) => book.verdicts.has(toHex(stored.verdictHash)),
      }),
    addSnapshot: (epoch, groups) =>
      add(epoch, { record: { type: 'snapshot', groups }, has: (book) => book.snapshot !== undefined }),
    async addBody({ epoch, kind, key, bytes }) {
      const bodyHash = await bodies.put(bytes);
      await index.add(epoch, { kind, key, bodyHash });
      return bodyHash;
    },
    bodiesOf: (epoch) => index.of(epoch).filter(isReference),
    async bytesOf(hash) {
      const held = entry(hash);
      return held === undefined ? bodies.get(hash) : encode(entryCodec, held.checked.entry);
    },
    entry,
    get cutBytes() {
      return cutBytes;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([index.log.close(), ...[...ready.values()].map(({ log }) => log.close())]);
      ready.clear();
      books.clear();
      await lock.release();
    },
  };
}

function apply(book: OpenBook, record: EpochRecord): void {
  switch (record.type) {
    case 'entry':
      book.entries.set(toHex(record.stored.entryHash), record.stored);
      break;
    case 'carried':
      book.carried.set(toHex(record.stored.entryHash), record.stored);
      break;
    case 'verdict':
      book.verdicts.set(toHex(record.stored.verdictHash), record.stored);
      break;
    case 'snapshot':
      book.snapshot = record.groups;
      break;
  }
}
