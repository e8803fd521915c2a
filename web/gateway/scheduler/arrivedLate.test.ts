import { KarmeshError } from '@karmesh/sdk/errors';
import type { KyselyPlugin } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { insertDispatch, type StoredDispatch } from '../store/dispatches.ts';
import { openTestDatabase, type TestDatabase } from '../store/fixtures/testDatabase.ts';
import { arrivedLate } from './arrivedLate.ts';
import { manualClock } from './fixtures/manualClock.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await openTestDatabase();
}, 120_000);
afterAll(() => database[Symbol.asyncDispose]());

const bytes = (length: number, fill: number) => new Uint8Array(length).fill(fill);
const LOOKS_MS = [1_000, 5_000, 30_000, 120_000];

/** A dispatch of this number; another `slot` makes another dispatch of it. */
function dispatchOf(number: bigint, slot = 400n): StoredDispatch {
  const signature = bytes(64, 7);
  const requestId = bytes(32, Number(number));
  const ticket = { requestId, gateway: bytes(32, 1), ticketNumber: number, lane: 0, priceCap: 9n, unitPrice: 0n };
  const dispatch = { ticketHash: bytes(32, 2), dispatchNumber: number, slot, preimage: bytes(32, 4) };
  return {
    epoch: 0n,
    ticket: { value: { ...ticket, escrow: bytes(32, 5), issuedAtMs: 10n }, signature },
    signed: {
      value: {
        ...dispatch,
        modelId: bytes(32, 6),
        engineClass: bytes(32, 8),
        assurance: 'quorum',
        dispatchedAtMs: 11n,
      },
      signature,
    },
    slotHash: bytes(32, 9),
    drawn: [],
  };
}

const store = (dispatch: StoredDispatch) => insertDispatch(database.db, { ...dispatch, keyHash: bytes(32, 1) });

/** Looks for a dispatch on a clock of the test's own. */
function looking(dispatch: StoredDispatch, db = database.db) {
  const clock = manualClock();
  const stop = new AbortController();
  return { clock, stop, found: arrivedLate({ db, clock }, dispatch, { signal: stop.signal }) };
}

test('a dispatch is found when it comes, however late', async () => {
  const dispatch = dispatchOf(1n);
  const { clock, found } = looking(dispatch);
  for (const ms of LOOKS_MS.slice(0, 3)) await clock.pass(ms);
  // The third look is over.
  await clock.pass(0);
  await store(dispatch);
  await clock.pass(120_000);
  expect(await found).toBe(true);
});

test('one that never comes is given up, and another of its number is not taken for it', async () => {
  await store(dispatchOf(2n, 401n));
  const { clock, found } = looking(dispatchOf(2n));
  for (const ms of LOOKS_MS) await clock.pass(ms);
  expect(await found).toBe(false);
});

test('nobody looks while the database is away, and not for less long after it', async () => {
  const dispatch = dispatchOf(3n);
  await store(dispatch);
  let failures = 2;
  const away: KyselyPlugin = {
    transformQuery: ({ node }) => node,
    async transformResult({ result }) {
      if (failures === 0) return result;
      failures--;
      throw new KarmeshError('STORE_UNREACHABLE', 'The database does not answer.');
    },
  };
  const { clock, found } = looking(dispatch, { ...database.db, sql: database.db.sql.withPlugin(away) });
  for (const ms of [1_000, 4_000, 4_000]) await clock.pass(ms);
  expect([await found, failures]).toEqual([true, 0]);
});

test('a gateway that stops looks no further', async () => {
  const { found, stop } = looking(dispatchOf(4n));
  stop.abort();
  expect(await found).toBe(false);
});
