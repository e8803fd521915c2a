import {
  type Batch,
  batchBodyCodec,
  batchRecord,
  checkRecord,
  decode,
  type Entry,
  entryHashOf,
  hash,
  receiptSetTree,
  type Signed,
  signedCodec,
} from '@karmesh/sdk/protocol';
import { logger } from '@karmesh/sdk/runtime';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { batchesSince, findBatchBody, unpublishedBatches, unpublishedEntries } from '../store/batches.ts';
import { findEntry } from '../store/entries.ts';
import { manualClock } from './fixtures/manualClock.ts';
import { domain, question, type TestMarket, testMarket } from './fixtures/testMarket.ts';
import { type Publisher, publisher } from './publisher.ts';
import type { Scheduler } from './scheduler.ts';

let market: TestMarket;
let scheduler: Scheduler;

beforeAll(async () => {
  market = await testMarket({ workers: 3 });
  scheduler = await market.open();
}, 240_000);
afterAll(async () => {
  await scheduler[Symbol.asyncDispose]();
  await market[Symbol.asyncDispose]();
});

const clock = manualClock();

/** A publisher whose headers reach `peers()` peers, and what it gossiped; `next` waits for the next attempt. */
function open(
  peers: () => number,
  epoch: () => bigint = () => 0n,
): { readonly publishing: Publisher; next(): Promise<Signed<Batch>> } {
  const sent: Signed<Batch>[] = [];
  let taken = 0;
  let wake = Promise.withResolvers<void>();
  const publishing = publisher({ intervalMs: 1000 })({
    db: market.database.db,
    domain,
    signer: market.gateway.keypair,
    producer: market.gateway.address,
    clock,
    epoch,
    log: logger({ name: 'gateway', level: 'silent' })(),
    publish: async (bytes) => {
      sent.push(decode(signedCodec(batchRecord), bytes));
      wake.resolve();
      return peers();
    },
  });
  return {
    publishing,
    async next() {
      for (;;) {
        const header = sent[taken];
        if (header !== undefined) {
          taken += 1;
          return header;
        }
        wake = Promise.withResolvers();
        await wake.promise;
      }
    },
  };
}

async function answered(count: number): Promise<readonly Entry[]> {
  const before = market.entries.length;
  for (let i = 0; i < count; i++) await market.collect(scheduler, question('quorum'));
  return market.entries.slice(before);
}

test('F-30: finished entries go out in one signed header whose body is found by its hash', async () => {
  const entries = await answered(2);
  const oldestAtMs = entries[0]?.outcome.value.finishedAtMs;
  expect(await unpublishedEntries(market.database.db)).toEqual({ count: 2, oldestAtMs });
  const { publishing, next } = open(() => 4);
  const header = await next();
  await publishing[Symbol.asyncDispose]();
  const leaves = entries.map((entry) => ({ entryHash: entryHashOf(entry), price: entry.outcome.value.price }));
  expect(checkRecord(batchRecord, { domain, identity: market.gateway.keypair.publicKey }, header)).toBe(true);
  expect(header.value).toEqual({
    producer: market.gateway.address,
    sequence: 1n,
    epoch: 0n,
    merkleRoot: receiptSetTree(domain, { epoch: 0n, entries: leaves }).root.hash,
    bodyHash: expect.any(Uint8Array),
    count: 2,
    issuedAtMs: 1_000_000n,
  });
  const body = await findBatchBody(market.database.db, header.value.bodyHash);
  expect(body && hash(body)).toEqual(header.value.bodyHash);
  expect(body && decode(batchBodyCodec, body)).toEqual(entries);
  expect(await unpublishedBatches(market.database.db)).toEqual([]);
  expect(await unpublishedEntries(market.database.db)).toEqual({ count: 0, oldestAtMs: undefined });
});

test('a header that reached nobody holds nothing back, and goes out again as it was, by the next process too', async () => {
  const { db } = market.database;
  const [first] = await answered(1);
  const lonely = open(() => 0);
  const header = await lonely.next();
  const [second] = await answered(1);
  await clock.pass(1000);
  const later = await lonely.next();
  expect([header.value.sequence, later.value.sequence]).toEqual([2n, 3n]);
  await clock.pass(1000);
  expect(await lonely.next()).toEqual(later);
  await lonely.publishing[Symbol.asyncDispose]();
  // Whoever asks gets both, though nobody has heard of them.
  expect(await batchesSince(db, { epoch: 0n, after: 1n, limit: 9 })).toEqual([header, later]);
  expect(await unpublishedEntries(db)).toEqual({ count: 2, oldestAtMs: first?.outcome.value.finishedAtMs });

  const { publishing, next } = open(() => 1);
  expect(await next()).toEqual(later);
  await clock.pass(1000);
  expect(await next()).toEqual(header);
  await publishing[Symbol.asyncDispose]();
  expect(first && (await findEntry(db, first.ticket.value.requestId))?.batchSequence).toBe(2n);
  expect(second && (await findEntry(db, second.ticket.value.requestId))?.batchSequence).toBe(3n);
});

test('a header whose epoch is closed is passed over, so that the next one does not wait for it', async () => {
  const { db } = market.database;
  await answered(1);
  const lonely = open(() => 0);
  const late = await lonely.next();
  await lonely.publishing[Symbol.asyncDispose]();
  const { publishing, next } = open(
    () => 1,
    () => late.value.epoch + 2n,
  );
  while ((await unpublishedBatches(db)).length > 0) await clock.pass(1000);
  await answered(1);
  publishing.notify();
  await clock.pass(1000);
  expect((await next()).value.sequence).toBe(late.value.sequence + 1n);
  await publishing[Symbol.asyncDispose]();
});
