import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { toHex } from '@karmesh/sdk/protocol';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { accepted } from '../fixtures/accepted.ts';
import { fixtureMarket } from '../fixtures/market.ts';
import { type OpenBook, openEpochBook } from './epochBook.ts';

const market = fixtureMarket({ slotsPerEpoch: 1000n });
const stored = Array.from({ length: 80 }, (_, i) => accepted(market, { dispatchNumber: i + 1, slot: BigInt(i) }));
const hashes = stored.map(({ entryHash }) => toHex(entryHash));
let folder = '';
let path = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'epoch-book-'));
  path = join(folder, '0.db');
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const open = (of = path): OpenBook => openEpochBook({ path: of, epoch: 0n });
const held = (book: OpenBook): readonly string[] => [...book.entries()].map(({ entryHash }) => toHex(entryHash));

test('entries come back whole, in the order in which they came, over several pages of reading', () => {
  {
    using book = open();
    book.addEntries(stored.slice(0, 70), 'entry');
    book.addEntries(stored.slice(60), 'entry');
    expect(book.entryCount).toBe(80);
  }
  using book = open();
  expect([...book.entries()]).toEqual(stored);
  expect(book.entryCount).toBe(80);
});

test('the bytes of an entry are those that hash to its name', () => {
  using book = open();
  book.addEntries(stored.slice(0, 1), 'entry');
  const [one] = stored;
  if (one === undefined) throw new RangeError('There are entries.');
  expect(book.bytesOf(one.entryHash)?.length).toBeGreaterThan(1000);
  expect(book.bytesOf(new Uint8Array(32))).toBeUndefined();
});

test('a log that a crash cut anywhere leaves what was committed before, whole entries and no error', async () => {
  const copy = join(folder, 'copy.db');
  {
    using book = open();
    for (const one of stored.slice(0, 12)) book.addEntries([one], 'entry');
    // While it is open everything is in the log; closing would move it into the database.
    await copyFile(path, copy);
    await copyFile(`${path}-wal`, join(folder, 'whole-wal'));
  }
  const { size } = await stat(join(folder, 'whole-wal'));
  const counts: number[] = [];
  for (let cut = 0; cut <= 40; cut++) {
    await copyFile(copy, `${folder}/cut.db`);
    await copyFile(join(folder, 'whole-wal'), `${folder}/cut.db-wal`);
    await truncate(`${folder}/cut.db-wal`, Math.floor((size * cut) / 40));
    using book = open(`${folder}/cut.db`);
    expect(held(book)).toEqual(hashes.slice(0, book.entryCount));
    counts.push(book.entryCount);
  }
  expect(counts.at(0)).toBe(0);
  expect(counts.at(-1)).toBe(12);
  expect(counts).toEqual(counts.toSorted((a, b) => a - b));
});

test('a full disk is DISK_FULL, what was acknowledged stays, and the book goes on once there is room', () => {
  using book = open();
  book.addEntries(stored.slice(0, 10), 'entry');
  // SQLite’s own bound on the file stands for the disk’s: the same code (SQLITE_FULL) comes of both.
  using full = openEpochBook({ path, epoch: 0n, maxPages: 1 });
  expect(() => full.addEntries(stored.slice(10), 'entry')).toThrow(
    expect.objectContaining({ code: 'DISK_FULL', message: 'The disk is full; nothing was changed.', facts: { path } }),
  );
  expect([full.entryCount, held(full)]).toEqual([10, hashes.slice(0, 10)]);
  book.addEntries(stored.slice(10), 'entry');
  expect(held(book)).toEqual(hashes);
});

describe('a damaged file is STORE_FAILED with its path', () => {
  const fill = async (): Promise<Buffer> => {
    {
      using book = open();
      book.addEntries(stored, 'entry');
    }
    return readFile(path);
  };
  const failure = { code: 'STORE_FAILED', facts: expect.objectContaining({ path: expect.stringContaining('0.db') }) };

  test('cut in its middle', async () => {
    const bytes = await fill();
    await writeFile(path, bytes.subarray(0, bytes.length / 2));
    expect(() => {
      using book = open();
      held(book);
    }).toThrow(expect.objectContaining(failure));
  });

  test('another file altogether', async () => {
    await writeFile(path, 'a text of no meaning '.repeat(4000));
    expect(() => open()).toThrow(expect.objectContaining(failure));
  });

  test('another program’s database, which stays as it is', () => {
    {
      using db = new DatabaseSync(path);
      db.exec('CREATE TABLE notes (text TEXT)');
    }
    expect(() => open()).toThrow(
      expect.objectContaining({ ...failure, message: 'The file is no epoch of this version of Karmesh.' }),
    );
    using db = new DatabaseSync(path);
    expect(db.prepare('SELECT name FROM sqlite_schema').all()).toHaveLength(1);
  });

  test('a flipped bit within a row', async () => {
    const bytes = await fill();
    const [one] = stored;
    const at = bytes.indexOf(one?.checked.entry.outcome.signature ?? 'none');
    expect(at).toBeGreaterThan(0);
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    await writeFile(path, bytes);
    using book = open();
    expect(() => held(book)).toThrow(
      expect.objectContaining({
        ...failure,
        message: 'A row of an epoch is damaged; restore the data folder from a copy.',
        facts: { path },
      }),
    );
  });
});

describe('kill -9', () => {
  function start(): ChildProcess {
    const script = fileURLToPath(new URL('../fixtures/storeForever.ts', import.meta.url));
    return spawn(process.execPath, [script, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  }

  test('loses no acknowledged entry in eight kills', async () => {
    let acknowledged = 0;
    for (let round = 0; round < 8; round++) {
      const child = start();
      if (child.stdout === null) throw new RangeError('The program’s output is a pipe.');
      let heard = 0;
      for await (const line of createInterface({ input: child.stdout })) {
        acknowledged = Number(line);
        heard += 1;
        if (heard === 3 + round * 7) child.kill('SIGKILL');
      }
      if (child.signalCode === null) await once(child, 'exit');
      expect(child.signalCode).toBe('SIGKILL');
      using book = open();
      expect(book.entryCount).toBeGreaterThanOrEqual(acknowledged);
      expect(held(book)).toHaveLength(book.entryCount);
    }
  }, 300_000);
});
