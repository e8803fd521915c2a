import { sql as fragment } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { addDepositOffer, RATE_UNITS, recordArrivals } from '../../deposits/depositStore.ts';
import { bytes } from '../../fixtures/testApp.ts';
import { inTransaction, type Sql } from '../../store/db.ts';
import { openTestDatabase, type TestDatabase } from '../../store/fixtures/testDatabase.ts';
import type { PurseKey } from '../charges.ts';
import { closeCharges, keepCharges } from '../charges.ts';
import { fundedKey } from '../fixtures/fundedKey.ts';
import { addPayment, creditPayment } from '../x402/payments.ts';
import { ledgerAccount } from './accountNames.ts';
import { checkBooks } from './checkBooks.ts';

let database: TestDatabase;
let sql: Sql;
let key: PurseKey;
const requestId = bytes(32, 7);
const request = Buffer.from(requestId).toString('hex');
const escrow = bytes(32, 8);
const [deposit, payment] = ['5'.repeat(64), '6'.repeat(64)];

/** A request that billed 30 and settled 20, a deposit of 40, a payment of 50, and 60 set aside. */
beforeAll(async () => {
  database = await openTestDatabase();
  ({ sql } = database);
  const { db } = database;
  key = await fundedKey(sql, { name: 'buyer', lamports: 1_000n, capTotalLamports: 500n });
  const usage = { outputTokens: 2, chainHash: bytes(32, 1), record: bytes(3, 1), lamports: 10n };
  await keepCharges(db, [{ key, request: { requestId, unitPrice: 1n, promptTokens: 1 }, usage }], 1n);
  // The entries of this test have no dispatches.
  await fragment`alter table entries drop constraint entries_dispatch_fkey`.execute(sql);
  await fragment`insert into entries (gateway, epoch, dispatch_number, request_id, escrow, price, entry)
    values (${db.gateway}, 1, 1, ${requestId}, ${escrow}, 20, ${bytes(1, 1)})`.execute(sql);
  await inTransaction(db, (transaction) => closeCharges(transaction, [{ requestId, billed: 30n, settled: 20n }], 2n));
  const { accountId } = key;
  const reference = bytes(32, 3);
  const offer = { reference, accountId, gateway: db.gateway, asset: 'sol' as const, rate: RATE_UNITS };
  await addDepositOffer(sql, { ...offer, expiresAtMs: 10n, createdAtMs: 1n });
  const arrival = {
    signature: deposit,
    asset: 'sol' as const,
    amount: 40n,
    named: [reference],
    signers: [],
    blockTimeMs: 5n,
  };
  await recordArrivals(sql, {
    ...{ gateway: db.gateway, asset: 'sol', signature: deposit, arrivals: [arrival], nowMs: 5n },
    addresses: { sol: bytes(32, 4), token: undefined },
    rates: { sol: RATE_UNITS, token: undefined },
  });
  const paid = {
    ...{ messageHash: bytes(32, 5), signature: payment, wallet: bytes(32, 6), blockhash: 'none' },
    ...{ baseUnits: 50n, lamports: 50n, nowMs: 1n },
  };
  await addPayment(sql, { ...paid, gateway: db.gateway });
  await creditPayment(sql, paid, 2n);
  await fragment`insert into allowances (gateway, key_hash, lamports) values (${db.gateway}, ${key.keyHash}, 60)`.execute(
    sql,
  );
}, 120_000);
afterAll(() => database[Symbol.asyncDispose]());

test('nothing differs in books that only the gateway has written', async () => {
  expect(await checkBooks(sql)).toEqual({ movements: 4n, postings: 9n, differences: [] });
});

const credit = (): string => ledgerAccount.credit(key.accountId);
const settlement = (): string => ledgerAccount.settlement(database.db.gateway);

/** What somebody changes in the tables who is not the gateway, and what is found then. */
test.each<readonly [what: string, changes: readonly string[], found: () => readonly object[]]>([
  [
    'a balance',
    ["update balances set lamports = lamports + 1 where account = 'granted'"],
    () => [{ check: 'balance', about: 'granted', ledger: -999n, found: -1_000n }],
  ],
  [
    'a posting, and its balance with it',
    [
      "update postings set lamports = lamports - 1 where account like 'credit:%' and lamports = -30",
      "update balances set lamports = lamports - 1 where account like 'credit:2'",
    ],
    () => [
      { check: 'sum', about: 'all postings', ledger: -1n, found: 0n },
      { check: 'movement', about: `charge ${request}`, ledger: -1n, found: 0n },
      { check: 'charge', about: request, ledger: 31n, found: 30n },
    ],
  ],
  [
    'a bill',
    ['update charges set lamports = 29'],
    () => [{ check: 'charge', about: request, ledger: 30n, found: 29n }],
  ],
  [
    'what a charge settles',
    ['update charges set settled_lamports = 19'],
    () => [
      { check: 'entry', about: request, ledger: 19n, found: 20n },
      { check: 'settlement', about: settlement(), ledger: 20n, found: 19n },
    ],
  ],
  [
    'an entry that is gone',
    ['delete from entries'],
    () => [{ check: 'entry', about: request, ledger: 20n, found: 0n }],
  ],
  [
    'an entry that nobody was charged for',
    ["update charges set request_id = '\\x09'"],
    () =>
      expect.arrayContaining([
        { check: 'entry', about: request, ledger: 0n, found: 20n },
      ]) as unknown as readonly object[],
  ],
  [
    'a deposit that is gone',
    ['delete from deposits'],
    () => [{ check: 'deposit', about: `${deposit}:sol`, ledger: 40n, found: 0n }],
  ],
  [
    'the worth of a deposit',
    ['update deposits set lamports = 41'],
    () => [{ check: 'deposit', about: `${deposit}:sol`, ledger: 40n, found: 41n }],
  ],
  [
    'a payment that was never credited',
    ["update x402_payments set state = 'failed'"],
    () => [{ check: 'deposit', about: payment, ledger: 50n, found: 0n }],
  ],
  [
    'more set aside than there is',
    ['update allowances set lamports = 1051', 'update api_keys set cap_total_lamports = null'],
    () => [{ check: 'allowance', about: credit(), ledger: 1_051n, found: 1_010n }],
  ],
  [
    'more set aside than a key may spend',
    ['update allowances set lamports = 471'],
    () => [{ check: 'cap', about: 'buyer', ledger: 501n, found: 500n }],
  ],
])('finds %s', async (_, changes, found) => {
  const undone = new Error('undone');
  const changed = sql.transaction().execute(async (transaction) => {
    for (const table of ['postings', 'movements'])
      await fragment.raw(`alter table ${table} disable trigger user`).execute(transaction);
    for (const change of changes) await fragment.raw(change).execute(transaction);
    expect((await checkBooks(transaction)).differences).toEqual(found());
    throw undone;
  });
  await expect(changed).rejects.toBe(undone);
});

test('a key whose owner has lowered its cap below what it spent is no fault of the books', async () => {
  const undone = new Error('undone');
  const changed = sql.transaction().execute(async (transaction) => {
    await fragment`delete from allowances`.execute(transaction);
    await fragment`update api_keys set cap_total_lamports = 29`.execute(transaction);
    expect((await checkBooks(transaction)).differences).toEqual([]);
    throw undone;
  });
  await expect(changed).rejects.toBe(undone);
});

test('an entry that an escrow of a buyer pays for has no charge, and needs none', async () => {
  const undone = new Error('undone');
  const changed = sql.transaction().execute(async (transaction) => {
    await fragment`insert into entries (gateway, epoch, dispatch_number, request_id, escrow, price, entry)
      values (${database.db.gateway}, 1, 2, ${bytes(32, 9)}, ${bytes(32, 10)}, 20, ${bytes(1, 1)})`.execute(
      transaction,
    );
    const missing = { check: 'entry', about: '09'.repeat(32), ledger: 0n, found: 20n };
    expect((await checkBooks(transaction)).differences).toEqual([missing]);
    await fragment`insert into paying_escrows values (${bytes(32, 10)}, ${key.accountId}, ${key.keyHash})`.execute(
      transaction,
    );
    expect((await checkBooks(transaction)).differences).toEqual([]);
    throw undone;
  });
  await expect(changed).rejects.toBe(undone);
});
