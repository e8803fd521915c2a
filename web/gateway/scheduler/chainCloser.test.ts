import { logger } from '@karmesh/sdk/runtime';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findChain, keepChain } from '../store/chains.ts';
import { openTestDatabase, type TestDatabase } from '../store/fixtures/testDatabase.ts';
import { chainCloser } from './chainCloser.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await openTestDatabase();
}, 240_000);
afterAll(async () => {
  await database[Symbol.asyncDispose]();
});

const { signal } = new AbortController();

test('P-53: ends chains that 64 final epochs lie behind, the oldest first, and forgets their secrets', async () => {
  for (const epoch of [3n, 1n, 2n]) await keepChain(database.db, { epoch, secret: new Uint8Array(32), length: 10 });
  const sent: bigint[] = [];
  const state: { last: bigint | undefined; failing: boolean } = { last: undefined, failing: true };
  const closer = chainCloser({
    db: database.db,
    log: logger({ name: 'gateway', level: 'silent' })(),
    lastFinalised: () => state.last,
    close: async (epoch) => {
      sent.push(epoch);
      if (state.failing) throw new Error('The transaction was not confirmed.');
    },
  });
  await closer.tick(signal);
  state.last = 64n;
  await closer.tick(signal);
  expect(sent).toEqual([]);

  state.last = 66n;
  await closer.tick(signal);
  await closer.tick(signal);
  // It failed, and is due again when another epoch is final.
  expect(sent).toEqual([1n]);
  state.failing = false;
  state.last = 67n;
  await closer.tick(signal);
  expect(sent).toEqual([1n, 1n, 2n, 3n]);
  expect(await findChain(database.db, 3n)).toBeUndefined();
  state.last = 68n;
  await closer.tick(signal);
  expect(sent).toEqual([1n, 1n, 2n, 3n]);
});
