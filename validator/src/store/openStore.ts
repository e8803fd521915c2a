import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { KarmeshError } from '@karmesh/sdk/errors';
import type { BodyReference, CandidateGroup, Hash } from '@karmesh/sdk/protocol';
import { acquireLockFile, storeError } from '@karmesh/sdk/runtime';
import { openBodyFiles } from './bodyFiles.ts';
import { isReference, openBodyIndex, type StoredKind } from './bodyIndex.ts';
import { type EpochBook, type OpenBook, openEpochBook } from './epochBook.ts';
import type { StoredEntry, StoredVerdict } from './epochRecords.ts';

export interface StoreOptions {
  readonly folder: string;
  /** How many of the last epochs are open, 16 unless told. */
  readonly loadedEpochs?: number;
  /** How many of the last epochs stay on disk, 100,000 unless told. */
  readonly keptEpochs?: number;
}

export interface Store extends AsyncDisposable {
  /** Undefined for an epoch of which nothing is open. */
  book(epoch: bigint): EpochBook | undefined;
  /** Epochs that are open, oldest first. */
  epochs(): readonly bigint[];
  /** Each `add` resolves once all of it is on disk, and does nothing for what is there already. */
  addEntry(stored: StoredEntry): Promise<void>;
  /** The entries of one epoch are on disk by one fsync, all or none of them. */
  addEntries(entries: readonly StoredEntry[]): Promise<void>;
  addCarried(epoch: bigint, stored: StoredEntry): Promise<void>;
  addVerdict(stored: StoredVerdict): Promise<void>;
  addSnapshot(epoch: bigint, groups: readonly CandidateGroup[]): Promise<void>;
  addBody(body: {
    readonly epoch: bigint;
    readonly kind: StoredKind;
    readonly key: Hash;
    readonly bytes: Uint8Array;
  }): Promise<Hash>;
  /** The manifests, lists of verdicts and reports of any epoch on disk. */
  bodiesOf(epoch: bigint): readonly BodyReference[];
  /** What the body under a hash is; undefined for an entry, and for what is not here. */
  bodyOf(hash: Hash): { readonly epoch: bigint; readonly kind: StoredKind } | undefined;
  /** The bytes under a hash: a body that the index names, or an entry of an open epoch. */
  bytesOf(hash: Hash): Promise<Uint8Array | undefined>;
  /** Whether an open epoch has this entry, its own or carried into it. */
  hasEntry(entryHash: Hash): boolean;
  /** Throws `STORE_FAILED` for a damaged one. */
  entry(entryHash: Hash): StoredEntry | undefined;
  /** Bytes that opening cut off the torn end of the bodies' log. */
  readonly cutBytes: number;
}

/**
 * The validator's data folder: a lock, a database per epoch, bodies by hash and their index. What an `add` acknowledged survives
 * `kill -9` (docs/decisions/0020-the-validators-store.md).
 *
 * @throws KarmeshError `STORE_LOCKED` for a second process, `STORE_FAILED` also for a folder of an older version, `DISK_FULL`.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { folder, loadedEpochs = 16, keptEpochs = 100_000 } = options;
  const epochsFolder = join(folder, 'epochs');
  const lock = await acquireLockFile(join(folder, 'lock'));
  const books = new Map<bigint, OpenBook>();
  const pathOf = (epoch: bigint): string => join(epochsFolder, `${epoch}.db`);

  /** The book of an epoch, opened if need be; books beyond the newest `loadedEpochs` are closed. */
  function opened(epoch: bigint): OpenBook {
    const known = books.get(epoch);
    if (known !== undefined) return known;
    const book = openEpochBook({ path: pathOf(epoch), epoch });
    books.set(epoch, book);
    const others = [...books.keys()].filter((one) => one !== epoch).sort(ascending);
    for (const old of others.slice(0, Math.max(0, books.size - loadedEpochs))) {
      books.get(old)?.[Symbol.dispose]();
      books.delete(old);
    }
    return book;
  }

  function closeBooks(): void {
    for (const book of books.values()) book[Symbol.dispose]();
    books.clear();
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
  try {
    await mkdir(epochsFolder, { recursive: true, mode: 0o700 });
    const names = await readdir(epochsFolder);
    refuseOlderForm(epochsFolder, names);
    const onDisk = names.flatMap((name) => (/^\d+\.db$/.test(name) ? [BigInt(name.slice(0, -3))] : []));
    const known = [...new Set([...onDisk, ...index.epochs()])].sort(ascending);
    for (const epoch of known.slice(0, Math.max(0, known.length - keptEpochs))) await removeEpoch(epoch);
    const kept = known.slice(-keptEpochs);
    for (const epoch of kept.slice(-loadedEpochs)) if (onDisk.includes(epoch)) opened(epoch);
  } catch (cause) {
    closeBooks();
    await index.log.close();
    await lock.release();
    throw storeError(epochsFolder, cause);
  }

  async function removeEpoch(epoch: bigint): Promise<void> {
    for (const { bodyHash } of index.of(epoch)) await bodies.remove(bodyHash);
    index.forget(epoch);
    // The database goes last: without it, what is left of a removal that was cut short would not be found again.
    for (const ending of ['-wal', '-shm', '']) await rm(pathOf(epoch) + ending, { force: true });
  }

  /** The first answer of an open book, the newest first, since most that is asked for is new. */
  function fromBooks<T>(ask: (book: OpenBook) => T | undefined): T | undefined {
    for (const epoch of [...books.keys()].sort(ascending).reverse()) {
      const book = books.get(epoch);
      const found = book === undefined ? undefined : ask(book);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  return {
    book: (epoch) => books.get(epoch),
    epochs: () => [...books.keys()].sort(ascending),
    addEntry: async (stored) => opened(stored.checked.epoch).addEntries([stored], 'entry'),
    async addEntries(entries) {
      for (const [epoch, own] of Map.groupBy(entries, ({ checked }) => checked.epoch))
        opened(epoch).addEntries(own, 'entry');
    },
    addCarried: async (epoch, stored) => opened(epoch).addEntries([stored], 'carried'),
    addVerdict: async (stored) => opened(stored.signed.value.epoch).addVerdict(stored),
    addSnapshot: async (epoch, groups) => opened(epoch).addSnapshot(groups),
    async addBody({ epoch, kind, key, bytes }) {
      const bodyHash = await bodies.put(bytes);
      await index.add(epoch, { kind, key, bodyHash });
      return bodyHash;
    },
    bodiesOf: (epoch) => index.of(epoch).filter(isReference),
    bodyOf: index.find,
    // A kill between a body and its index leaves a file of which nobody can say what it is.
    bytesOf: async (hash) =>
      fromBooks((book) => book.bytesOf(hash)) ?? (index.find(hash) === undefined ? undefined : bodies.get(hash)),
    hasEntry: (entryHash) =>
      fromBooks((book) => (book.has(entryHash) || book.hasCarried(entryHash) ? true : undefined)) === true,
    entry: (entryHash) => fromBooks((book) => book.entry(entryHash) ?? book.carriedEntry(entryHash)),
    cutBytes: index.log.cutBytes,
    async [Symbol.asyncDispose]() {
      closeBooks();
      await index.log.close();
      await lock.release();
    },
  };
}

const ascending = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);

/** Before version 1 an epoch was a log. Nothing reads those any more, and passing over them would lose what they hold unsaid. */
function refuseOlderForm(epochsFolder: string, names: readonly string[]): void {
  const old = names.find((name) => /^\d+\.log$/.test(name));
  if (old === undefined) return;
  throw new KarmeshError('STORE_FAILED', 'The data folder is of an older version of Karmesh; choose an empty one.', {
    path: join(epochsFolder, old),
  });
}
