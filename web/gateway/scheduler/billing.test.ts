import { systemClock } from '@karmesh/sdk/clock';
import { KarmeshError } from '@karmesh/sdk/errors';
import {
  encode,
  firstBreak,
  hash,
  logEventCodec,
  logRoot,
  priceLamports,
  type RequestId,
  toHex,
} from '@karmesh/sdk/protocol';
import { logger } from '@karmesh/sdk/runtime';
import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { MarketEvent, MarketRequest } from '../market.ts';
import { ledgerAccount } from '../payments/ledger/accountNames.ts';
import { balanceOf, recompute } from '../payments/ledger/balances.ts';
import { openPurse } from '../payments/purse.ts';
import { addAccount } from '../store/accounts.ts';
import { addApiKey, hashApiKey } from '../store/apiKeys.ts';
import { finishEntry } from '../store/entries.ts';
import { findRequest } from '../store/requests.ts';
import { manifest, question, type TestMarket, testMarket } from './fixtures/testMarket.ts';
import { ANSWER, type Behaviour } from './fixtures/testWorker.ts';
import type { Scheduler } from './scheduler.ts';

// What requests cost their buyers: the scheduler, the purse, the ledger and workers by script, each on the real tables.

let market: TestMarket;
let scheduler: Scheduler;
let accountId: bigint;

const UNIT_PRICE = 20_000n;
const priceOf = (outputTokens: number): bigint =>
  priceLamports({ unitPrice: UNIT_PRICE, ...manifest, promptTokens: ANSWER.promptTokens, outputTokens });
/** The longest prompt that these words may be (`promptTokensAtMost`), beside so many tokens. */
const worstOf = (outputTokens: number): bigint =>
  priceLamports({ unitPrice: UNIT_PRICE, ...manifest, promptTokens: 30 + 32 + 96, outputTokens });

beforeAll(async () => {
  market = await testMarket({ workers: 4 });
  scheduler = await market.open();
  const { sql: tables } = market.database.db;
  const account = { name: 'buyer', walletAddress: undefined, creditLimitLamports: 10n ** 12n, createdAtMs: 0n };
  ({ id: accountId } = await addAccount(tables, account));
  await addApiKey(tables, { key: 'sk-buyer', name: 'buyer', accountId, nowMs: 0n });
}, 240_000);
afterAll(async () => {
  await scheduler[Symbol.asyncDispose]();
  await market[Symbol.asyncDispose]();
});
afterEach(() => {
  for (const worker of market.workers) worker.behaviour = { kind: 'honest' };
});

const all = (behaviour: Behaviour): void => {
  for (const worker of market.workers) worker.behaviour = behaviour;
};
const asBuyer = (assurance: 'stream' | 'quorum'): MarketRequest => ({
  ...question(assurance),
  keyHash: hashApiKey('sk-buyer'),
  accountId,
});
const ledger = async () => {
  const { sql: tables, gateway } = market.database.db;
  const [credit, settlement, margin] = await Promise.all(
    [ledgerAccount.credit(accountId), ledgerAccount.settlement(gateway), ledgerAccount.margin(gateway)].map((account) =>
      balanceOf(tables, account),
    ),
  );
  return { credit: credit ?? 0n, settlement: settlement ?? 0n, margin: margin ?? 0n };
};
/** What a request moved, once it is billed. */
async function moved(act: () => Promise<unknown>) {
  const before = await ledger();
  await act();
  const { sql: tables } = market.database.db;
  await expect
    .poll(async () => {
      const open = await tables.selectFrom('charges').select('request_id').where('state', '=', 'open').execute();
      return open.length;
    })
    .toBe(0);
  await market.purse.giveBack();
  const after = await ledger();
  expect(await recompute(tables)).toMatchObject({ faults: [], sum: 0n });
  return {
    billed: before.credit - after.credit,
    settled: after.settlement - before.settlement,
    margin: after.margin - before.margin,
  };
}
/** Reads a stream up to its first text, and leaves with that in hand or, `early`, before it was taken. */
async function leave(request: MarketRequest, options: { readonly early?: true; readonly reason?: Error } = {}) {
  const controller = new AbortController();
  const entries = market.entries.length;
  const read = async (): Promise<void> => {
    for await (const event of scheduler.ask(request, { signal: controller.signal })) {
      if (event.kind !== 'text') continue;
      if (options.early) return;
      setImmediate(() => controller.abort(options.reason ?? new KarmeshError('ABORTED', 'The client has left.')));
    }
  };
  await read().catch(() => undefined);
  await expect.poll(() => market.entries.length).toBe(entries + 1);
}

test.each(['quorum', 'stream'] as const)('%s: who has the whole answer owes its price', async (assurance) => {
  const events: MarketEvent[] = [];
  expect(await moved(async () => events.push(...(await market.collect(scheduler, asBuyer(assurance)))))).toEqual({
    billed: priceOf(3),
    settled: priceOf(3),
    margin: 0n,
  });
  expect(events.at(-1)).toMatchObject({ kind: 'done', summary: { priceLamports: priceOf(3) } });
});

test('who leaves a stream owes what was delivered, and the charge holds the record that says so', async () => {
  all({ kind: 'pauses', pieces: 1 });
  expect(await moved(() => leave(asBuyer('stream')))).toEqual({ billed: priceOf(2), settled: priceOf(2), margin: 0n });
  const charge = await market.database.db.sql
    .selectFrom('charges')
    .selectAll()
    .orderBy('updated_at_ms', 'desc')
    .executeTakeFirstOrThrow();
  expect(charge).toMatchObject({
    output_tokens: 2n,
    lamports: priceOf(2),
    settled_lamports: priceOf(2),
    state: 'closed',
  });
  expect(charge.usage_record.length).toBeGreaterThan(64);
});

test('what was not taken any more is not owed, but for the prompt: the gateway bears what the market takes for it', async () => {
  all({ kind: 'pauses', pieces: 1 });
  expect(await moved(() => leave(asBuyer('stream'), { early: true }))).toEqual({
    billed: priceOf(0),
    settled: priceOf(2),
    margin: priceOf(0) - priceOf(2),
  });
});

test('of a stream that nobody brought to an end for its reader, who has left, the prompt is owed as a worker has counted it', async () => {
  all({ kind: 'silent', after: 'chunk' });
  expect(await moved(() => leave(asBuyer('stream')))).toEqual({ billed: priceOf(0), settled: 0n, margin: priceOf(0) });
});

test('of a stream that took too long what was delivered in time is owed', async () => {
  all({ kind: 'pauses', pieces: 1 });
  const reason = new KarmeshError('WORKER_TIMEOUT', 'The answer took too long.');
  expect(await moved(() => leave(asBuyer('stream'), { reason }))).toEqual({
    billed: priceOf(2),
    settled: priceOf(2),
    margin: 0n,
  });
});

test('whoever leaves a quorum that has sealed owes the whole answer, which the bundle has', async () => {
  const controller = new AbortController();
  const read = async (): Promise<void> => {
    for await (const event of scheduler.ask(asBuyer('quorum'), { signal: controller.signal, wantsProgress: true }))
      if (event.kind === 'workers' && event.workers.some(({ step }) => step === 'sealed')) controller.abort();
  };
  const act = async (): Promise<void> => {
    const entries = market.entries.length;
    await read().catch(() => undefined);
    await expect.poll(() => market.entries.length).toBe(entries + 1);
  };
  expect(await moved(act)).toEqual({ billed: priceOf(3), settled: priceOf(3), margin: 0n });
});

test('a quorum that came too late costs nothing, and the gateway bears what was sealed', async () => {
  const controller = new AbortController();
  const read = async (): Promise<void> => {
    for await (const event of scheduler.ask(asBuyer('quorum'), { signal: controller.signal, wantsProgress: true }))
      if (event.kind === 'workers' && event.workers.some(({ step }) => step === 'sealed'))
        controller.abort(new KarmeshError('WORKER_TIMEOUT', 'The answer took too long.'));
  };
  const act = async (): Promise<void> => {
    const entries = market.entries.length;
    await read().catch(() => undefined);
    await expect.poll(() => market.entries.length).toBe(entries + 1);
  };
  expect(await moved(act)).toEqual({ billed: 0n, settled: priceOf(3), margin: -priceOf(3) });
});

test('an answer that nobody agreed on costs nothing', async () => {
  for (const [index, worker] of market.workers.entries())
    worker.behaviour = { kind: 'lies', tokens: [index, index], text: `lie ${index}` };
  const ask = () => market.collect(scheduler, asBuyer('quorum')).catch(() => undefined);
  expect(await moved(ask)).toEqual({ billed: 0n, settled: 0n, margin: 0n });
});

test('a key pays for as many tokens as it has credit, and for none without', async () => {
  const { sql: tables } = market.database.db;
  const add = (name: string, capTotalLamports: bigint) =>
    addApiKey(tables, { key: `sk-${name}`, name, accountId, nowMs: 0n, capTotalLamports });
  await add('short', worstOf(3));
  await add('empty', worstOf(1) - 1n);
  const events = await market.collect(scheduler, { ...asBuyer('quorum'), keyHash: hashApiKey('sk-short') });
  expect(events.at(-1)).toMatchObject({ kind: 'done', summary: { tokensPaidFor: 3 } });
  const empty = { ...asBuyer('quorum'), keyHash: hashApiKey('sk-empty') };
  await expect(market.collect(scheduler, empty)).rejects.toMatchObject({ code: 'CREDIT_SHORT' });
});

test('a dearer lane costs its factor, and the ticket says so', async () => {
  expect(await moved(() => market.collect(scheduler, { ...asBuyer('quorum'), lane: 0 }))).toMatchObject({
    billed: priceLamports({ unitPrice: UNIT_PRICE * 8n, ...manifest, promptTokens: 20, outputTokens: 3 }),
  });
  const entry = market.entries.at(-1);
  expect(entry?.ticket.value).toMatchObject({ lane: 0, unitPrice: UNIT_PRICE * 8n });
  expect(entry === undefined ? undefined : market.judge(entry)).toMatchObject({ verdict: 'accept' });
});

test('an entry whose process did not live to bill it is billed once by the next one, and its bundle has what was paid', async () => {
  const { db } = market.database;
  await market.purse.giveBack();
  const [example] = market.entries;
  if (example === undefined) throw new Error('There is no entry yet.');
  const kept = await findRequest(db, example.ticket.value.requestId);
  const [{ epoch } = { epoch: 0n }] = await db.sql.selectFrom('dispatches').select('epoch').limit(1).execute();
  // A kept answer is owed as a whole; a stream up to what was delivered.
  const cases = [
    { name: 1, owed: 777n, isKept: true },
    { name: 2, owed: 100n, isKept: false },
  ];
  const before = await ledger();
  for (const { name, owed } of cases) {
    const number = 1_000n + BigInt(name);
    const requestId = hash(Uint8Array.of(name)) as RequestId;
    await sql`insert into dispatches (gateway, epoch, number, ticket_number, slot_hash, record, drawn)
      select gateway, epoch, ${number}, ticket_number, slot_hash, record, drawn from dispatches limit 1`.execute(
      db.sql,
    );
    const { ticket, dispatch, outcome } = example;
    const entry = {
      ...example,
      ticket: { ...ticket, value: { ...ticket.value, requestId } },
      dispatch: { ...dispatch, value: { ...dispatch.value, dispatchNumber: number } },
      outcome: { ...outcome, value: { ...outcome.value, price: 777n } },
    };
    const finished = {
      epoch,
      entry,
      kept: kept === undefined ? undefined : { ...kept, requestId },
      owed: {
        key: { keyHash: hashApiKey('sk-buyer'), accountId },
        promptTokens: 3,
        lamports: owed,
        delivered: undefined,
      },
    };
    // As often as nobody knows whether it was done.
    await finishEntry(db, finished);
    await finishEntry(db, finished);
    const other = { ...finished, entry: { ...entry, outcome: { ...outcome, value: { ...outcome.value, price: 1n } } } };
    await expect(finishEntry(db, other)).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: 'This dispatch has another entry.',
    });
  }
  for (let start = 0; start < 2; start++) {
    const options = { blockLamports: 0n, idleMs: 60_000 };
    const log = logger({ name: 'gateway', level: 'silent' })();
    await using _purse = await openPurse(options, { db, clock: systemClock, log });
    const { credit, settlement, margin } = await ledger();
    expect([before.credit - credit, settlement - before.settlement, margin - before.margin]).toEqual([
      877n,
      1_554n,
      -677n,
    ]);
  }
  expect(kept).toBeDefined();
  for (const { name, isKept } of cases)
    expect((await findRequest(db, hash(Uint8Array.of(name)) as RequestId)) !== undefined).toBe(isKept);
});

test('an entry that the database takes at its third time is billed, and its answer waits for that', async () => {
  const { db } = market.database;
  await sql`create sequence tries`.execute(db.sql);
  await sql`create function refuses_twice() returns trigger language plpgsql as $$
    begin
      if nextval('tries') < 3 then raise exception 'could not extend file' using errcode = '53100'; end if;
      return new;
    end $$`.execute(db.sql);
  await sql`create trigger refuses_twice before insert on entries execute function refuses_twice()`.execute(db.sql);
  const entries = market.entries.length;
  const result = await moved(async () => {
    const events = await market.collect(scheduler, asBuyer('quorum'));
    expect(events.at(-1)).toMatchObject({ kind: 'done' });
  });
  await sql`drop trigger refuses_twice on entries`.execute(db.sql);
  expect(market.said).toContain('An entry is stored once the database takes it again.');
  expect(result).toEqual({ billed: priceOf(3), settled: priceOf(3), margin: 0n });
  expect(market.entries.length).toBe(entries + 1);
});

test('who waits for an entry that the database does not take is told so, owes nothing and has no bundle, and it is stored once it can be', async () => {
  const { db } = market.database;
  await sql`create function full_disk() returns trigger language plpgsql as $$
    begin raise exception 'could not extend file' using errcode = '53100'; end $$`.execute(db.sql);
  await sql`create trigger full_disk before insert on entries execute function full_disk()`.execute(db.sql);
  const entries = market.entries.length;
  const result = await moved(async () => {
    await expect(market.collect(scheduler, asBuyer('quorum'))).rejects.toThrow('could not extend file');
    expect(market.entries.length).toBe(entries);
    await sql`drop trigger full_disk on entries`.execute(db.sql);
    await expect.poll(() => market.entries.length, { timeout: 30_000 }).toBe(entries + 1);
  });
  expect(result).toEqual({ billed: 0n, settled: priceOf(3), margin: -priceOf(3) });
  const requestId = market.entries.at(-1)?.ticket.value.requestId;
  await expect.poll(() => requestId && findRequest(db, requestId)).toBeUndefined();
});

test('what the queue told its log is an order that keeps the rules', async () => {
  await Promise.all(
    Array.from({ length: 4 }, (_, index) => market.collect(scheduler, { ...asBuyer('quorum'), lane: 5 - index })),
  );
  const opened = encode(logEventCodec, { kind: 'opened', capacity: 2, size: 0n, root: logRoot([]), atMs: 0n });
  const leaves = market.queued.map((event) => encode(logEventCodec, event));
  expect(firstBreak([opened, ...leaves])).toBeUndefined();
  const left = market.queued.flatMap((event) => (event.kind === 'leave' ? [event.ticketNumber] : []));
  const entered = market.queued.flatMap((event) => (event.kind === 'enter' ? [event.ticketNumber] : []));
  expect([...left].sort()).toEqual([...entered].sort());
  const tags = new Set(market.queued.flatMap((event) => (event.kind === 'enter' ? [toHex(event.accountTag)] : [])));
  expect(tags.size).toBe(1);
});
