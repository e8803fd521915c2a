import { toBase58 } from '@karmesh/sdk/program';
import { sql as fragment } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bytes } from '../../fixtures/testApp.ts';
import { openTestDatabase, type TestDatabase } from '../../store/fixtures/testDatabase.ts';
import { compareWithChain, type LedgerChain } from './compareWithChain.ts';

// What escrows paid beside what their entries cost. The history of deposit addresses is compared on a real cluster (test/gateway/deposits.test.ts).

let database: TestDatabase;
const [own, buyers, closed] = [bytes(32, 1), bytes(32, 2), bytes(32, 3)];

beforeAll(async () => {
  database = await openTestDatabase();
  const { gateway, sql } = database.db;
  // The entries of this test have no dispatches.
  await fragment`alter table entries drop constraint entries_dispatch_fkey`.execute(sql);
  const entries = [
    { escrow: own, epoch: 1n, price: 10n },
    { escrow: own, epoch: 2n, price: 20n },
    { escrow: own, epoch: 3n, price: 40n },
    { escrow: buyers, epoch: 3n, price: 5n },
    { escrow: closed, epoch: 1n, price: 7n },
  ];
  for (const [place, { epoch, escrow, price }] of entries.entries())
    await fragment`insert into entries (gateway, epoch, dispatch_number, request_id, escrow, price, entry)
      values (${gateway}, ${epoch}, ${BigInt(place)}, ${bytes(32, place)}, ${escrow}, ${price}, ${bytes(1, 1)})`.execute(
      sql,
    );
}, 120_000);
afterAll(() => database[Symbol.asyncDispose]());

const compared = (debits: readonly (readonly [escrow: Uint8Array, lamports: bigint])[], last: bigint | undefined) => {
  const chain: LedgerChain = {
    history: {
      signatures: () => Promise.reject(new Error('unused')),
      transaction: () => Promise.reject(new Error('unused')),
    },
    cumulativeDebit: async (escrow) => debits.find(([paid]) => toBase58(paid) === toBase58(escrow))?.[1],
    lastFinalisedEpoch: async () => last,
  };
  return compareWithChain(database.db.sql, chain, { ignored: [] });
};

test('an escrow has paid what its entries in final epochs cost, or less', async () => {
  const { differences, escrows } = await compared(
    [
      [own, 30n],
      [buyers, 0n],
    ],
    2n,
  );
  expect(differences).toEqual([]);
  expect(escrows).toHaveLength(3);
  expect(escrows).toEqual(
    expect.arrayContaining([
      { escrow: toBase58(own), priced: 70n, debited: 30n, open: 40n },
      { escrow: toBase58(buyers), priced: 5n, debited: 0n, open: 5n },
      { escrow: toBase58(closed), priced: 7n, debited: undefined, open: 0n },
    ]),
  );
  // An entry of a final epoch that no set took.
  expect((await compared([[own, 10n]], 2n)).differences).toEqual([]);
});

test('a lamport more is a difference, also where it is covered by epochs that are not final', async () => {
  const more = { check: 'escrow', about: toBase58(own), ledger: 30n, found: 31n };
  expect((await compared([[own, 31n]], 2n)).differences).toEqual([more]);
  expect((await compared([[buyers, 1n]], undefined)).differences).toEqual([
    { check: 'escrow', about: toBase58(buyers), ledger: 0n, found: 1n },
  ]);
});
