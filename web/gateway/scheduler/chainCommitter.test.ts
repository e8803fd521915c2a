import { hash } from '@karmesh/sdk/protocol';
import { logger } from '@karmesh/sdk/runtime';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findChain } from '../store/chains.ts';
import { openTestDatabase, type TestDatabase } from '../store/fixtures/testDatabase.ts';
import { chainCommitter } from './chainCommitter.ts';
import { hashChain } from './hashChain.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await openTestDatabase();
}, 240_000);
afterAll(async () => {
  await database[Symbol.asyncDispose]();
});

const { signal } = new AbortController();

test('A-01, P-07: commits the chains of epochs that have not begun, each once, with its secret on disk before', async () => {
  const onChain = new Map<bigint, { readonly commitment: Uint8Array; readonly length: number }>();
  const sent: bigint[] = [];
  const state: { slot: bigint; epochZeroSlot: bigint | undefined; failing: boolean } = {
    slot: 50n,
    epochZeroSlot: undefined,
    failing: true,
  };
  const committer = chainCommitter({ length: 300, epochsAhead: 2 })({
    db: database.db,
    chain: {
      latestSlotHash: () => ({ slot: state.slot, hash: hash(new Uint8Array(1)) }),
      epochClock: () => ({ epochZeroSlot: state.epochZeroSlot, slotsPerEpoch: 150n }),
      committedChain: (epoch) => onChain.get(epoch),
    },
    log: logger({ name: 'gateway', level: 'silent' })(),
    commit: async ({ epoch, commitment, length }) => {
      sent.push(epoch);
      if (state.failing) throw new Error('The transaction was not confirmed.');
      onChain.set(epoch, { commitment, length });
    },
  });
  await committer.tick(signal);
  expect(sent).toEqual([0n]);
  const secret = await findChain(database.db, 0n);

  state.failing = false;
  await committer.tick(signal);
  expect(sent).toEqual([0n, 0n, 1n]);
  expect(await findChain(database.db, 0n)).toEqual(secret);
  expect(secret && hashChain(secret).commitment).toEqual(onChain.get(0n)?.commitment);

  // The view shows a commitment late; it is not sent again.
  onChain.clear();
  await committer.tick(signal);
  state.epochZeroSlot = 51n;
  state.slot = 51n;
  await committer.tick(signal);
  expect(sent).toEqual([0n, 0n, 1n, 2n]);
  state.slot = 51n + 150n;
  await committer.tick(signal);
  expect(sent).toEqual([0n, 0n, 1n, 2n, 3n]);
});
