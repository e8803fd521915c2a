import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkEntry, entryHashOf, hash, signRecord, type Verdict, verdictRecord } from '@karmesh/sdk/protocol';
import { afterEach, beforeEach, expect, test } from 'vitest';
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
  const entry = market.entry({ dispatchNumber, slot });
  const verdict = checkEntry(market.context, entry);
  if (verdict.verdict !== 'accept') throw new RangeError(JSON.stringify(verdict));
  return { entryHash: entryHashOf(entry), slotHash: market.slotHash(slot), checked: verdict.entry };
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
    await using store = await openStore({ folder, domain });
    await store.addEntry(entry);
    await store.addEntry(entry);
    await store.addCarried(1n, carried);
    await store.addVerdict(verdict);
    await store.addSnapshot(0n, [market.group(0n)]);
    expect(await store.addBody({ epoch: 0n, kind: 'manifest', key: named('manifest'), bytes: body })).toEqual(
      hash(body),
    );
  }
  await appendFile(join(folder, 'epochs', '0.log'), new Uint8Array([9, 0, 0, 0, 1]));
  await using store = await openStore({ folder, domain });
  expect(store.cutBytes).toBe(5);
  expect(store.epochs()).toEqual([0n, 1n]);
  expect([...(store.book(0n)?.entries.values() ?? [])]).toEqual([entry]);
  expect([...(store.book(0n)?.verdicts.values() ?? [])]).toEqual([verdict]);
  expect([...(store.book(1n)?.carried.values() ?? [])]).toEqual([carried]);
  expect(store.book(0n)?.snapshot).toEqual([market.group(0n)]);
  expect(store.bodiesOf(0n)).toEqual([{ kind: 'manifest', key: named('manifest'), bodyHash: hash(body) }]);
  expect(new Uint8Array((await store.bytesOf(hash(body))) ?? [])).toEqual(body);
  expect(hash((await store.bytesOf(entry.entryHash)) ?? new Uint8Array())).toEqual(entry.entryHash);
  expect(await store.bytesOf(named('nothing'))).toBeUndefined();
});

test('a second process is refused', async () => {
  await using store = await openStore({ folder, domain });
  await expect(openStore({ folder, domain })).rejects.toMatchObject({
    code: 'STORE_LOCKED',
    facts: { pid: process.pid },
  });
  expect(store.epochs()).toEqual([]);
});

test('only the newest epochs stay in memory, and older bodies are found on disk', async () => {
  await using store = await openStore({ folder, domain, loadedEpochs: 2 });
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
    await using store = await openStore({ folder, domain });
    await store.addBody({ epoch: 0n, kind: 'report', key: named('report'), bytes: body });
    await store.addSnapshot(1n, []);
  }
  await using store = await openStore({ folder, domain, keptEpochs: 1 });
  expect(store.epochs()).toEqual([1n]);
  expect(await store.bytesOf(hash(body))).toBeUndefined();
});
