import { systemClock } from '@karmesh/sdk/clock';
import { KarmeshError } from '@karmesh/sdk/errors';
import { type Entry, priceLamports, type RequestId } from '@karmesh/sdk/protocol';
import { logger } from '@karmesh/sdk/runtime';
import type { Transaction } from 'kysely';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { MarketEvent } from '../market.ts';
import { ledgerAccount } from '../payments/ledger/accountNames.ts';
import { balanceOf } from '../payments/ledger/balances.ts';
import { checkBooks } from '../payments/ledger/checkBooks.ts';
import { openPurse } from '../payments/purse.ts';
import { findRequest } from '../store/requests.ts';
import type { Schema } from '../store/schema.ts';
import { manifest, question, type TestMarket, testMarket } from './fixtures/testMarket.ts';
import type { Behaviour } from './fixtures/testWorker.ts';
import type { Scheduler, SchedulerOptions } from './scheduler.ts';

// Streams that take too long, readers that dawdle or leave, and what each of them owes: the scheduler and the purse on the real tables.

const NEVER = 1_000_000_000;
const limits = { openMs: 300, acceptMs: 300, sealMs: NEVER, revealMs: 300, stragglerMs: 150 };
/** Nobody is in a hurry. */
const patient = { limits, reader: { mostTokens: NEVER, mostMs: NEVER } };

let market: TestMarket;
let scheduler: Scheduler;
let before: { readonly entries: number; readonly credit: bigint };

beforeAll(async () => {
  market = await testMarket({ workers: 4 });
}, 240_000);
afterAll(() => market[Symbol.asyncDispose]());
afterEach(() => scheduler[Symbol.asyncDispose]());

async function open(behaviour: Behaviour, options: Partial<SchedulerOptions>): Promise<void> {
  for (const worker of market.workers) worker.behaviour = behaviour;
  scheduler = await market.open(options);
  before = { entries: market.entries.length, credit: await credit() };
}

const credit = async (): Promise<bigint> =>
  (await balanceOf(market.database.db.sql, ledgerAccount.credit(question('stream').accountId))) ?? 0n;
const priceOf = (outputTokens: number): bigint =>
  priceLamports({ unitPrice: 20_000n, ...manifest, promptTokens: 20, outputTokens });

/** What the account that asks has paid in this test, once everything that ran is billed. */
async function billed(): Promise<bigint> {
  await scheduler[Symbol.asyncDispose]();
  // A scheduler that ends leaves its last bills to the purse.
  await market.purse.giveBack();
  return before.credit - (await credit());
}
const entryOf = (): Entry => {
  const entry = market.entries[before.entries];
  if (entry === undefined) throw new Error('There is no entry yet.');
  return entry;
};

type Reading = AsyncDisposable & {
  readonly events: AsyncIterator<MarketEvent>;
  readonly requestId: RequestId;
  /** Ends what the reader asked for. */
  leave(reason?: Error): void;
};

/** Asks, and takes the acceptance and the first text. */
async function readFirst(): Promise<Reading> {
  const controller = new AbortController();
  const events = scheduler.ask(question('stream'), { signal: controller.signal })[Symbol.asyncIterator]();
  const first = await events.next();
  if (first.done === true || first.value.kind !== 'accepted') throw new Error('The request was not accepted.');
  expect((await events.next()).value).toMatchObject({ kind: 'text', text: 'Par' });
  return {
    events,
    requestId: first.value.requestId,
    leave: (reason = new KarmeshError('ABORTED', 'The client has left.')) => controller.abort(reason),
    async [Symbol.asyncDispose]() {
      controller.abort();
      await events.return?.();
    },
  };
}

const entered = () => expect.poll(() => market.entries.length, { timeout: 20_000 }).toBe(before.entries + 1);

test('W-22: a stream that is longer than its workers may take is halted, shown, billed and paid for', async () => {
  await open({ kind: 'pauses', pieces: 1 }, { limits: { ...limits, sealMs: 600 } });
  const events = await market.collect(scheduler, question('stream'));
  expect(events.at(-1)).toMatchObject({
    kind: 'done',
    finishReason: 'halted',
    outputTokens: 2,
    summary: { verdict: 'agreed', priceLamports: priceOf(2) },
  });
  expect(market.judge(entryOf())).toMatchObject({ verdict: 'accept' });
  expect(await billed()).toBe(priceOf(2));
});

test('W-22: so is one whose time is nearly over, and its reader has the text that was not shown yet', async () => {
  await open({ kind: 'pauses', pieces: 1 }, patient);
  const events: MarketEvent[] = [];
  const { signal } = new AbortController();
  for await (const event of scheduler.ask(question('stream'), { signal, withinMs: 200 })) events.push(event);
  expect(events.map((event) => (event.kind === 'text' ? event.text : event.kind))).toEqual(['accepted', 'Par', 'done']);
  expect(events.at(-1)).toMatchObject({ finishReason: 'halted', summary: { verdict: 'agreed' } });
  expect(await billed()).toBe(priceOf(2));
});

test.each([
  ['tokens', { mostTokens: 0, mostMs: NEVER }, 2],
  ['time', { mostTokens: NEVER, mostMs: 50 }, 1],
] as const)(
  'W-22: a reader that is behind by too much %s is halted for, owes what it took, and has no more by its bundle',
  async (_, reader, pieces) => {
    await open({ kind: 'pauses', pieces }, { limits, reader });
    await using reading = await readFirst();
    await entered();
    expect(entryOf().outcome.value).toMatchObject({
      verdict: 'agreed',
      price: expect.toSatisfy((price) => price >= priceOf(2)),
    });
    const { db } = market.database;
    expect(scheduler.isWithheld(reading.requestId)).toBe(true);
    reading.leave();
    await reading.events.return?.();
    // Its first text was in its hands when it left, and nobody knows whether it was taken.
    expect(await billed()).toBe(priceOf(0));
    await expect.poll(() => findRequest(db, reading.requestId)).toBeUndefined();
    expect(scheduler.isWithheld(reading.requestId)).toBe(false);
  },
);

test('a reader that was behind and reads on has all that it is billed for', async () => {
  await open({ kind: 'pauses', pieces: 1 }, { limits, reader: { mostTokens: NEVER, mostMs: 50 } });
  await using reading = await readFirst();
  await entered();
  expect((await reading.events.next()).value).toMatchObject({ kind: 'done', finishReason: 'halted', outputTokens: 2 });
  expect(await reading.events.next()).toEqual({ done: true, value: undefined });
  expect(scheduler.isWithheld(reading.requestId)).toBe(false);
  expect(await billed()).toBe(priceOf(2));
  expect((await findRequest(market.database.db, reading.requestId))?.tokens).toHaveLength(2);
});

test('a reader that stalls until its time is over owes what it took, and gets nothing more once that was found out', async () => {
  await open({ kind: 'honest' }, patient);
  await using reading = await readFirst();
  await entered();
  reading.leave(new KarmeshError('WORKER_TIMEOUT', 'The answer took too long.'));
  await expect.poll(async () => before.credit - (await credit()), { timeout: 20_000 }).toBe(priceOf(0));
  await expect.poll(() => findRequest(market.database.db, reading.requestId)).toBeUndefined();
  await expect(reading.events.next()).rejects.toMatchObject({ code: 'WORKER_TIMEOUT' });
  expect(await billed()).toBe(priceOf(0));
});

test('a stream that the gateway ends when it stops, and of which nothing was taken, costs nothing', async () => {
  await open({ kind: 'pauses', pieces: 1 }, patient);
  await using _reading = await readFirst();
  expect(await billed()).toBe(0n);
  expect(entryOf().outcome.value.price).toBe(priceOf(2));
});

test('a quorum that has sealed when the gateway stops fails, is owed, and is to be had by its bundle', async () => {
  await open({ kind: 'honest' }, patient);
  let requestId: RequestId | undefined;
  let stopping: PromiseLike<void> | undefined;
  const read = async (): Promise<void> => {
    const { signal } = new AbortController();
    for await (const event of scheduler.ask(question('quorum'), { signal, wantsProgress: true })) {
      if (event.kind === 'accepted') requestId = event.requestId;
      if (event.kind === 'workers' && event.workers.some(({ step }) => step === 'sealed'))
        stopping ??= scheduler[Symbol.asyncDispose]();
    }
  };
  await expect(read()).rejects.toMatchObject({ code: 'ABORTED' });
  await stopping;
  expect(await billed()).toBe(priceOf(3));
  if (requestId === undefined) throw new Error('The request was not accepted.');
  expect(await findRequest(market.database.db, requestId)).toBeDefined();
});

test('a stream whose entry may be stored when the gateway stops without knowing is left to the next start', async () => {
  await using fresh = await testMarket({ workers: 4 });
  for (const worker of fresh.workers) worker.behaviour = { kind: 'pauses', pieces: 1 };
  const { db } = fresh.database;
  const stored = Promise.withResolvers<void>();
  /** Loses the answer to a commit. */
  const losing = {
    async execute<T>(work: (transaction: Transaction<Schema>) => Promise<T>): Promise<T> {
      await db.sql.transaction().execute(work);
      stored.resolve();
      throw new KarmeshError('STORE_UNREACHABLE', 'The database does not answer.');
    },
  };
  const away = Object.assign(db.sql.withoutPlugins(), { transaction: () => losing as never });
  const opened = await fresh.open(patient, { db: { ...db, sql: away } });
  const controller = new AbortController();
  const read = async (): Promise<void> => {
    for await (const event of opened.ask(question('stream'), { signal: controller.signal }))
      if (event.kind === 'text') setImmediate(() => controller.abort());
  };
  const stopping = stored.promise.then(() => opened[Symbol.asyncDispose]());
  await Promise.all([expect(read()).rejects.toThrow(), stopping]);
  await fresh.purse[Symbol.asyncDispose]();
  const { clock, log } = { clock: systemClock, log: logger({ name: 'gateway', level: 'silent' })() };
  await using next = await openPurse({ blockLamports: 0n, idleMs: 60_000 }, { db, clock, log });
  expect(next.recovered).toMatchObject({ charges: 1, lamports: priceOf(2) });
  expect((await checkBooks(db.sql)).differences).toEqual([]);
});

test('whoever takes a text of which nothing was signed has the whole answer, and owes its price', async () => {
  await open({ kind: 'mute' }, patient);
  const controller = new AbortController();
  const read = async (): Promise<void> => {
    for await (const event of scheduler.ask(question('stream'), { signal: controller.signal }))
      if (event.kind === 'done') return;
  };
  await read();
  expect(await billed()).toBe(priceOf(3));
});

test.each(['stream', 'quorum'] as const)(
  '%s: a request that is cancelled once a worker has accepted owes its prompt, by its bytes where nobody counted it',
  async (assurance) => {
    await open({ kind: 'silent', after: 'accepted' }, patient);
    const controller = new AbortController();
    const read = async (): Promise<void> => {
      for await (const event of scheduler.ask(question(assurance), { signal: controller.signal, wantsProgress: true }))
        if (event.kind === 'workers' && event.workers.some(({ step }) => step === 'accepted')) controller.abort();
    };
    await expect(read()).rejects.toMatchObject({ code: 'ABORTED' });
    // "What is the capital of France?"
    expect(await billed()).toBe(
      priceLamports({ unitPrice: 20_000n, ...manifest, promptTokens: Math.floor(30 / 4), outputTokens: 0 }),
    );
  },
);

test('a request that is cancelled before anybody accepted owes nothing, and so does one that the gateway gave up', async () => {
  await open({ kind: 'silent', after: 'dispatch' }, patient);
  for (const [after, reason] of [
    ['dispatch', new KarmeshError('ABORTED', 'The client has left.')],
    ['accepted', new KarmeshError('WORKER_TIMEOUT', 'The answer took too long.')],
    ['accepted', new KarmeshError('NO_QUORUM', 'Another choice failed.')],
  ] as const) {
    for (const worker of market.workers) worker.behaviour = { kind: 'silent', after };
    const controller = new AbortController();
    const read = async (): Promise<void> => {
      for await (const event of scheduler.ask(question('quorum'), { signal: controller.signal, wantsProgress: true })) {
        const step = after === 'dispatch' ? 'asked' : 'accepted';
        if (event.kind === 'workers' && event.workers.every((worker) => worker.step === step)) controller.abort(reason);
      }
    };
    await expect(read()).rejects.toMatchObject({ code: reason.code });
  }
  expect(await billed()).toBe(0n);
});

test('an answer that came too late is neither owed nor to be had by its bundle', async () => {
  await open({ kind: 'honest' }, patient);
  const controller = new AbortController();
  const late = new KarmeshError('WORKER_TIMEOUT', 'The answer took too long.');
  let requestId: RequestId | undefined;
  const read = async (): Promise<void> => {
    for await (const event of scheduler.ask(question('quorum'), { signal: controller.signal, wantsProgress: true })) {
      if (event.kind === 'accepted') requestId = event.requestId;
      if (event.kind === 'workers' && event.workers.some(({ step }) => step === 'sealed')) controller.abort(late);
    }
  };
  await expect(read()).rejects.toMatchObject({ code: 'WORKER_TIMEOUT' });
  if (requestId === undefined) throw new Error('The request was not accepted.');
  expect(entryOf().outcome.value.price).toBe(priceOf(3));
  expect(await billed()).toBe(0n);
  expect(await findRequest(market.database.db, requestId)).toBeUndefined();
});

test('of a model whose workers were too slow for an answer that cannot be halted the next may be half as long', async () => {
  await open({ kind: 'silent', after: 'accepted' }, {});
  await expect(market.collect(scheduler, { ...question('quorum'), maxTokens: 100 })).rejects.toMatchObject({
    code: 'WORKER_TIMEOUT',
  });
  for (const worker of market.workers) worker.behaviour = { kind: 'honest' };
  const events = await market.collect(scheduler, { ...question('quorum'), maxTokens: 100 });
  const last = events.at(-1);
  if (last?.kind !== 'done') throw new Error('The request did not end.');
  expect(last.summary.tokensPaidFor).toBeUndefined();
  const kept = await findRequest(market.database.db, last.summary.requestId);
  expect(kept?.request.maxTokens).toBe(50);
});
