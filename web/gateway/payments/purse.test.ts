import { hash, toHex } from '@karmesh/sdk/protocol';
import { logger } from '@karmesh/sdk/runtime';
import { sql as fragment } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { manualClock } from '../scheduler/fixtures/manualClock.ts';
import { listApiKeys } from '../store/apiKeys.ts';
import { openTestDatabase, type TestDatabase } from '../store/fixtures/testDatabase.ts';
import type { PurseKey, Usage } from './charges.ts';
import { fundedKey, grant } from './fixtures/fundedKey.ts';
import { ledgerAccount } from './ledger/accountNames.ts';
import { balanceOf, recompute } from './ledger/balances.ts';
import { openPurse, type Purse, type PurseOptions } from './purse.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await openTestDatabase();
}, 120_000);
afterAll(async () => {
  await database[Symbol.asyncDispose]();
});

const log = logger({ name: 'test', level: 'fatal' })();
const MS_PER_DAY = 86_400_000;

let requests = 0;
const request = () => {
  requests += 1;
  return { requestId: hash(Uint8Array.of(requests, requests >> 8)), unitPrice: 3n, promptTokens: 4 };
};
const usage = (lamports: bigint): Usage => ({
  outputTokens: Number(lamports),
  chainHash: new Uint8Array(32).fill(9),
  record: Uint8Array.of(1, 2),
  lamports,
});

const open = (options: Partial<PurseOptions> = {}, clock = manualClock()): Promise<Purse> =>
  openPurse({ blockLamports: 100n, idleMs: 5_000, ...options }, { db: database.db, clock, log });

/** What a key has set aside in the database. */
async function allowance({ keyHash }: PurseKey): Promise<bigint | undefined> {
  const { sql } = database;
  return (await sql.selectFrom('allowances').select('lamports').where('key_hash', '=', keyHash).executeTakeFirst())
    ?.lamports;
}

const creditOf = ({ accountId }: PurseKey): Promise<bigint> => balanceOf(database.sql, ledgerAccount.credit(accountId));

const chargeOf = (requestId: Uint8Array) =>
  database.sql.selectFrom('charges').selectAll().where('request_id', '=', requestId).executeTakeFirst();

test('takes a block at first, spends it from memory, and bills what was delivered', async () => {
  const key = await fundedKey(database.sql, { name: 'memory', lamports: 1_000n });
  await using purse = await open();
  const first = await purse.reserve({ key, least: 10n, most: 50n });
  expect([first.lamports, await allowance(key)]).toEqual([50n, 150n]);
  const before = await database.sql.selectFrom('allowances').selectAll().execute();
  const second = await purse.reserve({ key, least: 10n, most: 100n });
  expect(second.lamports).toBe(100n);
  expect(await database.sql.selectFrom('allowances').selectAll().execute()).toEqual(before);

  const asked = request();
  first.bind(asked);
  first.meter(usage(20n));
  first.meter(usage(30n));
  expect(purse.unsaved()).toEqual({ lamports: 30n, mostLamports: 30n });
  await first.close({ billed: 40n, settled: 45n, usage: usage(40n) });
  expect(purse.unsaved()).toEqual({ lamports: 0n, mostLamports: 40n });
  expect(await chargeOf(asked.requestId)).toMatchObject({
    account_id: key.accountId,
    key_hash: key.keyHash,
    unit_price: 3n,
    prompt_tokens: 4n,
    output_tokens: 40n,
    usage_record: Uint8Array.of(1, 2),
    lamports: 40n,
    settled_lamports: 45n,
    state: 'closed',
  });
  expect([await creditOf(key), await allowance(key)]).toEqual([960n, 110n]);
  first.release();
  second.release();
  await purse.giveBack();
  expect([await creditOf(key), await allowance(key)]).toEqual([960n, undefined]);
  expect(await recompute(database.sql)).toMatchObject({ faults: [], sum: 0n });
});

test('a hold is bound, metered and closed in this order, within what it holds', async () => {
  const key = await fundedKey(database.sql, { name: 'order', lamports: 1_000n });
  await using purse = await open();
  await expect(purse.reserve({ key, least: 5n, most: 4n })).rejects.toThrow('A hold is of least to most lamports.');
  const hold = await purse.reserve({ key, least: 5n, most: 5n });
  const end = { billed: 5n, settled: 5n, usage: usage(5n) };
  expect(() => hold.meter(usage(1n))).toThrow('A hold meters once it is bound, until it is over.');
  expect(() => hold.close(end)).toThrow('A hold is closed once, and after it was bound.');
  hold.bind(request());
  expect(() => hold.bind(request())).toThrow('A hold is for one request.');
  expect(() => hold.meter(usage(6n))).toThrow('What is delivered is within its hold.');
  expect(() => hold.close({ ...end, billed: 6n })).toThrow('A bill is within its hold.');
  await hold.close(end);
  expect(() => hold.close(end)).toThrow('A hold is closed once, and after it was bound.');
});

test('credit that is short is refused by its bound, and clips what can be held', async () => {
  const { sql } = database;
  const clock = manualClock(MS_PER_DAY);
  await using purse = await open({}, clock);
  const credit = await fundedKey(sql, { name: 'short', lamports: 40n, limit: 20n });
  const total = await fundedKey(sql, { name: 'total', lamports: 1_000n, capTotalLamports: 50n });
  const day = await fundedKey(sql, { name: 'day', lamports: 1_000n, capTotalLamports: 500n, capDayLamports: 45n });
  for (const [key, limit, available] of [
    [credit, 'credit', 60n],
    [total, 'cap-total', 50n],
    [day, 'cap-day', 45n],
  ] as const) {
    await expect(purse.reserve({ key, least: 61n, most: 70n })).rejects.toMatchObject({
      code: 'CREDIT_SHORT',
      message: 'There is not enough credit for this request.',
      facts: { needed: 61n, limit, available },
    });
    const clipped = await purse.reserve({ key, least: 1n, most: 70n });
    expect(clipped.lamports).toBe(available);
    // The rest of it may come back from the request that holds it.
    await expect(purse.reserve({ key, least: 1n, most: 1n })).rejects.toMatchObject({
      code: 'CREDIT_HELD',
      message: 'The credit for this request is set aside for others that are under way.',
      facts: { needed: 1n, limit, available: 0n, retryAfterMs: 1000 },
    });
    clipped.release();
    expect((await purse.reserve({ key, least: 1n, most: 1n })).lamports).toBe(1n);
  }
});

test('a key that was short is asked about again a second later, and finds what was granted', async () => {
  const key = await fundedKey(database.sql, { name: 'later', lamports: 0n });
  const clock = manualClock();
  await using purse = await open({}, clock);
  const reserve = () => purse.reserve({ key, least: 10n, most: 10n });
  await expect(reserve()).rejects.toMatchObject({ code: 'CREDIT_SHORT' });
  await grant(database.sql, { ...key, lamports: 10n, reference: 'later 2' });
  await expect(reserve()).rejects.toMatchObject({ code: 'CREDIT_SHORT' });
  await clock.pass(1_000);
  expect((await reserve()).lamports).toBe(10n);
});

test('the cap of a day begins anew at midnight UTC, and what was set aside before counts on the new day', async () => {
  const { sql } = database;
  const key = await fundedKey(sql, { name: 'midnight', lamports: 1_000n, capDayLamports: 100n });
  const clock = manualClock(2 * MS_PER_DAY - 1_500);
  await using purse = await open({ blockLamports: 0n, idleMs: 60_000 }, clock);
  const spend = async (lamports: bigint) => {
    const hold = await purse.reserve({ key, least: lamports, most: lamports });
    hold.bind(request());
    await hold.close({ billed: lamports, settled: 0n, usage: usage(lamports) });
  };
  await spend(70n);
  const across = await purse.reserve({ key, least: 30n, most: 30n });
  await expect(spend(1n)).rejects.toMatchObject({ code: 'CREDIT_HELD', facts: { limit: 'cap-day' } });
  await clock.pass(1_500);
  await spend(60n);
  await expect(spend(11n)).rejects.toMatchObject({ code: 'CREDIT_HELD' });
  across.bind(request());
  await across.close({ billed: 30n, settled: 0n, usage: usage(30n) });
  const [info] = (await listApiKeys(sql, { nowMs: BigInt(clock.nowMs()), accountId: key.accountId })) ?? [];
  expect(info).toMatchObject({ spentDayLamports: 90n, spentTotalLamports: 160n });
  await clock.pass(1_000);
  await expect(spend(11n)).rejects.toMatchObject({ code: 'CREDIT_SHORT', facts: { available: 10n } });
  await spend(10n);
  expect(await creditOf(key)).toBe(830n);
});

test('ten callers at once share one commit, and no lamport is held twice', async () => {
  const key = await fundedKey(database.sql, { name: 'ten', lamports: 95n });
  await using purse = await open();
  const holds = await Promise.allSettled(
    Array.from({ length: 10 }, () => purse.reserve({ key, least: 10n, most: 10n })),
  );
  expect(holds.map(({ status }) => status)).toEqual([...Array(9).fill('fulfilled'), 'rejected']);
  expect(holds.at(-1)).toMatchObject({ reason: { code: 'CREDIT_HELD', facts: { available: 5n } } });
  expect(await allowance(key)).toBe(95n);
});

test('what nobody touches goes back after a while, and what is held stays', async () => {
  const key = await fundedKey(database.sql, { name: 'idle', lamports: 1_000n });
  const clock = manualClock();
  await using purse = await open({ idleMs: 5_000 }, clock);
  const hold = await purse.reserve({ key, least: 10n, most: 10n });
  expect(await allowance(key)).toBe(110n);
  await clock.pass(5_000);
  await purse.giveBack();
  expect(await allowance(key)).toBe(10n);
  hold.release();
  await clock.pass(5_000);
  await purse.giveBack();
  expect(await allowance(key)).toBeUndefined();
});

test('a process that is killed leaves its requests to the next, which bills what was stored and gives the rest back', async () => {
  const { sql } = database;
  const key = await fundedKey(sql, { name: 'killed', lamports: 1_000n });
  // Never disposed of, as a killed process would not be.
  const purse = await open();
  const [early, metered, finished] = [request(), request(), request()];
  const holds = await Promise.all([50n, 50n, 50n].map((most) => purse.reserve({ key, least: 1n, most })));
  for (const [at, asked] of [early, metered, finished].entries()) holds[at]?.bind(asked);
  holds[1]?.meter(usage(20n));
  holds[2]?.meter(usage(30n));
  await purse.giveBack();
  // The entry of the last was stored, its bill was not.
  const { gateway } = database.db;
  const entry = { gateway, epoch: 1n, dispatch_number: 1n };
  const record = { slot_hash: early.requestId, record: early.requestId, drawn: early.requestId };
  await sql
    .insertInto('tickets')
    .values({ gateway, number: 1n, request_id: finished.requestId, record: gateway, key_hash: gateway })
    .execute();
  await sql
    .insertInto('dispatches')
    .values({ gateway, epoch: 1n, number: 1n, ticket_number: 1n, ...record })
    .execute();
  await sql
    .insertInto('entries')
    .values({
      ...entry,
      request_id: finished.requestId,
      escrow: gateway,
      price: 33n,
      entry: gateway,
      batch_sequence: null,
    })
    .execute();

  await using next = await open();
  expect(next.recovered).toEqual({ charges: 2, lamports: 50n, returned: 150n });
  expect(await chargeOf(early.requestId)).toBeUndefined();
  expect(await chargeOf(metered.requestId)).toMatchObject({ state: 'closed', lamports: 20n, settled_lamports: 0n });
  expect(await chargeOf(finished.requestId)).toMatchObject({ state: 'closed', lamports: 30n, settled_lamports: 33n });
  const posted = await sql
    .selectFrom('postings')
    .innerJoin('movements', 'movements.id', 'movement_id')
    .select(['account', 'lamports'])
    .where('reference', '=', toHex(finished.requestId))
    .orderBy('account')
    .execute();
  expect(posted.map(({ lamports }) => lamports)).toEqual([-30n, -3n, 33n]);
  expect([await creditOf(key), await allowance(key)]).toEqual([950n, undefined]);
  await using again = await open();
  expect(again.recovered).toEqual({ charges: 0, lamports: 0n, returned: 0n });
});

test('what was delivered before a request ended early is billed, and nothing is settled for it', async () => {
  const key = await fundedKey(database.sql, { name: 'early', lamports: 1_000n });
  await using purse = await open();
  const hold = await purse.reserve({ key, least: 1n, most: 50n });
  const asked = request();
  hold.bind(asked);
  hold.meter(usage(7n));
  hold.release();
  hold.release();
  await purse.giveBack();
  expect(await chargeOf(asked.requestId)).toMatchObject({ state: 'closed', lamports: 7n, settled_lamports: 0n });
  expect(await creditOf(key)).toBe(993n);
});

test('a process whose place is taken bills nothing more', async () => {
  const key = await fundedKey(database.sql, { name: 'replaced', lamports: 1_000n });
  const clock = manualClock();
  const db = { ...database.db, fence: database.db.fence - 1n };
  await expect(openPurse({ blockLamports: 1n, idleMs: 5_000 }, { db, clock, log })).rejects.toMatchObject({
    code: 'KM001',
  });
  await using purse = await open({}, clock);
  const hold = await purse.reserve({ key, least: 1n, most: 50n });
  hold.bind(request());
  await database.sql
    .updateTable('gateways')
    .set((row) => ({ fence: row('fence', '+', 1n) }))
    .execute();
  await expect(hold.close({ billed: 1n, settled: 1n, usage: usage(1n) })).rejects.toMatchObject({ code: 'KM001' });
  await expect(purse.reserve({ key, least: 500n, most: 500n })).rejects.toMatchObject({ code: 'KM001' });
  await database.sql
    .updateTable('gateways')
    .set((row) => ({ fence: row('fence', '-', 1n) }))
    .execute();
  expect(await creditOf(key)).toBe(1_000n);
});

test('a bill that the tables refuse holds up no other, and stays set aside', async () => {
  const key = await fundedKey(database.sql, { name: 'poison', lamports: 10_000n });
  const other = await fundedKey(database.sql, { name: 'beside', lamports: 10_000n });
  const clock = manualClock();
  const purse = await open({ blockLamports: 0n }, clock);
  const holds = [];
  for (let at = 0; at < 9; at++)
    holds.push(await purse.reserve({ key: at % 2 === 0 ? key : other, least: 100n, most: 100n }));
  const asked = holds.map((hold) => {
    const each = request();
    hold.bind(each);
    return each;
  });
  // Beyond what the table holds of a price.
  const ended = holds.map((hold, at) =>
    hold.close({ billed: 10n, settled: at === 4 ? 2n ** 63n : 10n, usage: usage(10n) }),
  );
  const refusedBill = expect(ended[4]).rejects.toMatchObject({ code: '22003' });
  await Promise.all(ended.filter((_, at) => at !== 4));
  expect((await purse.reserve({ key: other, least: 500n, most: 500n })).lamports).toBe(500n);
  expect([await creditOf(key), await creditOf(other)]).toEqual([9_960n, 9_960n]);
  await purse.giveBack();
  // What the refused one may cost is not sold again, however often it is tried.
  expect(await allowance(key)).toBe(10n);
  for (const ms of [500, 1_000, 2_000]) await clock.pass(ms);
  expect(await allowance(key)).toBe(10n);
  expect(asked[4] === undefined ? undefined : await chargeOf(asked[4].requestId)).toBeUndefined();
  await purse[Symbol.asyncDispose]();
  await refusedBill;
  await database.sql.deleteFrom('allowances').execute();
});

test('a database that takes no changes for a while loses no bill, and refuses credit meanwhile', async () => {
  const { sql } = database;
  const key = await fundedKey(sql, { name: 'full', lamports: 1_000n });
  const clock = manualClock();
  await using purse = await open({ blockLamports: 0n }, clock);
  const hold = await purse.reserve({ key, least: 50n, most: 50n });
  hold.bind(request());
  await fragment`create function full_disk() returns trigger language plpgsql as $$
    begin raise exception 'could not extend file' using errcode = '53100'; end $$`.execute(sql);
  await fragment`create trigger full_disk before insert on charges execute function full_disk()`.execute(sql);
  let stored = false;
  const closed = hold.close({ billed: 20n, settled: 20n, usage: usage(20n) }).then(() => {
    stored = true;
  });
  const reserve = () => purse.reserve({ key, least: 90n, most: 90n });
  await expect
    .poll(() =>
      reserve().then(
        () => 'taken',
        ({ code }) => code,
      ),
    )
    .toBe('STORE_UNREACHABLE');
  await clock.pass(250);
  expect(stored).toBe(false);
  await fragment`drop trigger full_disk on charges`.execute(sql);
  await expect
    .poll(async () => {
      await clock.pass(5_000);
      return stored;
    })
    .toBe(true);
  await closed;
  expect(await creditOf(key)).toBe(980n);
});

/** Numbers from a seed, the same in every run. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

test('any sequence of reserve, meter, close, release and death bills what a model says, and sets no lamport aside twice', {
  timeout: 240_000,
}, async () => {
  const { sql } = database;
  for (let seed = 1; seed <= 4; seed++) {
    const random = randomFrom(seed);
    const cap = 1_500n;
    const key = await fundedKey(sql, {
      name: `model ${seed}`.replace(' ', ''),
      lamports: 2_000n,
      capTotalLamports: cap,
    });
    const clock = manualClock();
    let purse = await open({ blockLamports: BigInt(random(300)) }, clock);
    type Held = {
      readonly hold: Awaited<ReturnType<Purse['reserve']>>;
      metered: bigint;
      readonly asked: ReturnType<typeof request>;
    };
    let held: Held[] = [];
    let billed = 0n;
    let refused = 0;
    for (let step = 0; step < 150; step++) {
      const at = random(held.length);
      const one = held[at];
      const what = random(10);
      if (what < 4 || one === undefined) {
        const most = BigInt(1 + random(120));
        try {
          const hold = await purse.reserve({ key, least: most / 2n, most });
          const asked = request();
          hold.bind(asked);
          held.push({ hold, metered: 0n, asked });
        } catch (cause) {
          refused += 1;
          const free = cap - billed - held.reduce((sum, { hold }) => sum + hold.lamports, 0n);
          // Only what is not there is refused.
          expect(cause).toMatchObject({ code: expect.stringMatching(/^CREDIT_(SHORT|HELD)$/) });
          expect(free).toBeLessThan(most / 2n);
        }
        await clock.pass(0);
      } else if (what < 6) {
        // What was delivered is never less than before.
        one.metered += BigInt(random(Number(one.hold.lamports - one.metered) + 1));
        one.hold.meter(usage(one.metered));
      } else if (what < 8) {
        const bill = BigInt(random(Number(one.hold.lamports) + 1));
        await one.hold.close({ billed: bill, settled: BigInt(random(100)), usage: usage(bill) });
        billed += bill;
        held = held.toSpliced(at, 1);
      } else if (what < 9) {
        one.hold.release();
        billed += one.metered;
        held = held.toSpliced(at, 1);
        await purse.giveBack();
      } else if (random(4) === 0) {
        await purse.giveBack();
        purse = await open({ blockLamports: BigInt(random(300)) }, clock);
        billed += held.reduce((sum, { metered }) => sum + metered, 0n);
        held = [];
      }
      if (what >= 6) {
        const set = held.reduce((sum, { hold }) => sum + hold.lamports, 0n);
        expect((await allowance(key)) ?? 0n).toBeGreaterThanOrEqual(set);
        expect(billed + ((await allowance(key)) ?? 0n)).toBeLessThanOrEqual(cap);
        expect(await creditOf(key)).toBe(2_000n - billed);
      }
      await clock.pass(1_000);
    }
    expect(refused).toBeGreaterThan(0);
    for (const { hold } of held) hold.release();
    billed += held.reduce((sum, { metered }) => sum + metered, 0n);
    await purse[Symbol.asyncDispose]();
    expect([await creditOf(key), await allowance(key)]).toEqual([2_000n - billed, undefined]);
    const [info] = await listApiKeys(sql, { nowMs: 0n, accountId: key.accountId });
    expect(info?.spentTotalLamports).toBe(billed);
  }
  expect(await recompute(sql)).toMatchObject({ faults: [], sum: 0n });
});
