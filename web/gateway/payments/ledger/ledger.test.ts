import { sql as raw } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTestDatabase, type TestDatabase } from '../../store/fixtures/testDatabase.ts';
import { ledgerAccount } from './accountNames.ts';
import { balanceOf, balances, recompute } from './balances.ts';
import { type Movement, post, postAll } from './post.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await openTestDatabase();
}, 120_000);
afterAll(async () => {
  await database[Symbol.asyncDispose]();
});

const gateway = new Uint8Array(32).fill(2);
const grant = (reference: string, lamports: bigint): Movement => ({
  kind: 'grant',
  reference,
  atMs: 5n,
  postings: [
    { account: ledgerAccount.granted, lamports: -lamports },
    { account: ledgerAccount.credit(7n), lamports },
  ],
});

test('moves money once for each reference, and keeps balances that its postings sum to', async () => {
  const { sql } = database;
  expect(await post(sql, grant('a', 100n))).toBe(true);
  expect(await post(sql, grant('a', 100n))).toBe(false);
  await expect(post(sql, grant('a', 101n))).rejects.toMatchObject({
    code: 'BAD_ARGUMENT',
    message: 'This reference has moved other money before.',
  });
  const charge: Movement = {
    kind: 'charge',
    reference: 'a',
    atMs: 6n,
    postings: [
      { account: ledgerAccount.credit(7n), lamports: -30n },
      { account: ledgerAccount.settlement(gateway), lamports: 35n },
      { account: ledgerAccount.margin(gateway), lamports: -5n },
    ],
  };
  expect(await sql.transaction().execute((all) => postAll(all, [grant('a', 100n), charge, grant('b', 1n)]))).toBe(2);
  expect(await balanceOf(sql, 'credit:7')).toBe(71n);
  expect(await balanceOf(sql, 'credit:8')).toBe(0n);
  expect(await balances(sql)).toEqual([
    { account: 'credit:7', lamports: 71n },
    { account: 'granted', lamports: -101n },
    { account: 'margin:8qbHbw2BbbTHBW1sbeqakYXVKRQM8Ne7pLK7m6CVfeR', lamports: -5n },
    { account: 'settlement:8qbHbw2BbbTHBW1sbeqakYXVKRQM8Ne7pLK7m6CVfeR', lamports: 35n },
  ]);
  expect(await balances(sql, 'credit:')).toHaveLength(1);
  expect(await recompute(sql)).toEqual({ movements: 3n, postings: 7n, faults: [], sum: 0n });
});

test('the database refuses postings that do not sum to zero, and any change of what was posted', async () => {
  const { sql } = database;
  const before = await recompute(sql);
  const unequal = { ...grant('c', 5n), postings: [{ account: 'granted', lamports: 5n }] };
  await expect(post(sql, unequal)).rejects.toMatchObject({ code: 'KM003' });
  await expect(post(sql, { ...unequal, postings: [] })).rejects.toMatchObject({ code: 'KM003' });
  for (const change of [
    'update postings set lamports = 1',
    'delete from postings',
    'truncate postings',
    'delete from movements',
  ])
    await expect(raw.raw(change).execute(sql)).rejects.toMatchObject({ code: 'KM002' });
  expect(await recompute(sql)).toEqual(before);
});

test('the check finds a balance that its postings do not sum to', async () => {
  const { sql } = database;
  await sql.updateTable('balances').set({ lamports: 1n }).where('account', '=', 'granted').execute();
  expect((await recompute(sql)).faults).toEqual([{ account: 'granted', kept: 1n, posted: -101n }]);
});
