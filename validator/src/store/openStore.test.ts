import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hash, signRecord, toHex, type Verdict, verdictRecord } from '@karmesh/sdk/protocol';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { accepted as acceptedOf } from '../fixtures/accepted.ts';
import { fixtureMarket, named } from '../fixtures/market.ts';
import type { StoredEntry } from './epochRecords.ts';
import { openStore } from './openStore.ts';

const market = fixtureMarket({ slotsPerEpoch: 100n });
const { domain } = market;
let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'validator-store-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

function accepted(dispatchNumber: number, slot: bigint): StoredEntry {
  return acceptedOf(market, { dispatchNumber, slot });
}

test('what was added is there after opening again, and a torn end is cut', async () => {
  const entry = accepted(1, 42n);
  const carried = accepted(2, 43n);
  const [validator] = market.validators;
  if (validator === undefined) throw new RangeError('The fixture has validators.');
  const value: Verdict = {
    epoch: 0n,
    entryHash: entry.entryHash,
    receiptHash: named('receipt'),
    validator: validator.address,
    attempt: 0,
    verdict: 'pass',
    rule: 0,
    measurementsHash: named('measured'),
  };
  const signed = signRecord(verdictRecord, { domain, signer: validator.keypair }, value);
  const verdict = { signed, arrivedSlot: 120n, verdictHash: verdictRecord.hash(domain, signed.value) };
  const body = new TextEncoder().encode('a manifest');
  {
    await using store = await openStore({ folder });
    await store.addEntry(entry);
    await store.addEntry(entry);
    await store.addCarried(1n, carried);
    await store.addVerdict(verdict);
    await store.addSnapshot(0n, [market.group(0n)]);
    expect(await store.addBody({ epoch: 0n, kind: 'manifest', key: named('manifest'), bytes: body })).toEqual(
      hash(body),
    );
  }
  await appendFile(join(folder, 'bodies.log'), new Uint8Array([9, 0, 0, 0, 1]));
  await using store = await openStore({ folder });
  expect(store.cutBytes).toBe(5);
  expect(store.epochs()).toEqual([0n, 1n]);
  expect([...(store.book(0n)?.entries() ?? [])]).toEqual([entry]);
  expect([...(store.book(0n)?.verdicts.values() ?? [])]).toEqual([verdict]);
  expect(store.book(1n)?.carriedEntry(carried.entryHash)).toEqual(carried);
  expect(store.book(1n)?.entryCount).toBe(0);
  expect(store.book(0n)?.entryCount).toBe(1);
  expect([...(store.book(0n)?.escrows() ?? [])]).toEqual([market.escrow]);
  expect(store.book(0n)?.snapshot).toEqual([market.group(0n)]);
  expect(store.bodiesOf(0n)).toEqual([{ kind: 'manifest', key: named('manifest'), bodyHash: hash(body) }]);
  expect(new Uint8Array((await store.bytesOf(hash(body))) ?? [])).toEqual(body);
  expect(hash((await store.bytesOf(entry.entryHash)) ?? new Uint8Array())).toEqual(entry.entryHash);
  expect(await store.bytesOf(named('nothing'))).toBeUndefined();
});

test('a second process is refused', async () => {
  await using store = await openStore({ folder });
  await expect(openStore({ folder })).rejects.toMatchObject({
    code: 'STORE_LOCKED',
    facts: { pid: process.pid },
  });
  expect(store.epochs()).toEqual([]);
});

test('only the newest epochs stay open, and older bodies are found on disk', async () => {
  await using store = await openStore({ folder, loadedEpochs: 2 });
  const body = new TextEncoder().encode('an old report');
  await store.addBody({ epoch: 0n, kind: 'report', key: named('report'), bytes: body });
  await store.addSnapshot(1n, []);
  await store.addSnapshot(2n, []);
  await store.addSnapshot(3n, []);
  expect(store.epochs()).toEqual([2n, 3n]);
  expect(store.bodiesOf(0n)).toEqual([{ kind: 'report', key: named('report'), bodyHash: hash(body) }]);
});

test('epochs beyond those kept leave the disk with their bodies', async () => {
  const body = new TextEncoder().encode('an old report');
  {
    await using store = await openStore({ folder });
    await store.addBody({ epoch: 0n, kind: 'report', key: named('report'), bytes: body });
    await store.addSnapshot(1n, []);
  }
  await using store = await openStore({ folder, keptEpochs: 1 });
  expect(store.epochs()).toEqual([1n]);
  expect(await store.bytesOf(hash(body))).toBeUndefined();
});

test('V-18: a body is known by its hash, after opening again too; a file that no index names, as a kill leaves it, is none', async () => {
  const [body, torn] = ['a report', 'a report without an index'].map((text) => new TextEncoder().encode(text));
  if (body === undefined || torn === undefined) throw new RangeError('There are two.');
  {
    await using store = await openStore({ folder });
    await store.addBody({ epoch: 7n, kind: 'report', key: named('report'), bytes: body });
    expect(store.bodyOf(hash(body))).toEqual({ epoch: 7n, kind: 'report' });
  }
  await writeFile(join(folder, 'bodies', toHex(hash(torn))), torn);
  {
    await using store = await openStore({ folder });
    expect(store.bodyOf(hash(body))).toEqual({ epoch: 7n, kind: 'report' });
    expect(new Uint8Array((await store.bytesOf(hash(body))) ?? [])).toEqual(body);
    expect([store.bodyOf(hash(torn)), await store.bytesOf(hash(torn))]).toEqual([undefined, undefined]);
    await store.addBody({ epoch: 8n, kind: 'manifest', key: named('manifest'), bytes: torn });
  }
  await using store = await openStore({ folder, keptEpochs: 1 });
  expect([store.bodyOf(hash(body)), store.bodyOf(hash(torn))]).toEqual([undefined, { epoch: 8n, kind: 'manifest' }]);
});

test('a folder of the older form is refused, and nothing in it changes', async () => {
  await mkdir(join(folder, 'epochs'));
  await writeFile(join(folder, 'epochs', '3.log'), 'KARMLOG1');
  await expect(openStore({ folder })).rejects.toMatchObject({
    code: 'STORE_FAILED',
    message: 'The data folder is of an older version of Karmesh; choose an empty one.',
    facts: { path: join(folder, 'epochs', '3.log') },
  });
  expect(await readFile(join(folder, 'epochs', '3.log'), 'utf8')).toBe('KARMLOG1');
});
