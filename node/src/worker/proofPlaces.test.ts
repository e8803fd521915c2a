import { expect, test } from 'vitest';
import { proofPlaces } from './proofPlaces.ts';
import type { WorkerChain } from './workerChain.ts';

/** Epochs of 100 slots and a deadline of 250. */
function places(maxProofs: number, owed?: ReadonlyMap<bigint, number>) {
  let slot = 550n;
  const chain: Parameters<ReturnType<typeof proofPlaces>>[0]['chain'] = {
    slot: () => slot,
    epochOf: (at) => (at < 0n ? undefined : at / 100n),
    offchain: { proofDeadlineSlots: 250n } as WorkerChain['offchain'],
  };
  return {
    ...proofPlaces({ maxProofs })({ chain, owed }),
    goTo: (next: bigint) => {
      slot = next;
    },
  };
}

test('W-21: so many answers may be under challenge, and no more', () => {
  const { reserve } = places(2);
  const first = reserve(5n);
  expect(first).toBeDefined();
  expect(reserve(5n)).toBeDefined();
  expect(reserve(5n)).toBeUndefined();
  first?.[Symbol.dispose]();
  first?.[Symbol.dispose]();
  expect(reserve(5n)).toBeDefined();
  expect(reserve(5n)).toBeUndefined();
  expect(places(0).reserve(5n)).toBeUndefined();
});

test('W-21: a place is free again when the deadline of the next epoch’s set is over', () => {
  const { reserve, goTo } = places(1);
  const late = reserve(5n);
  // The answer may stand in the set of epoch 6, which ends with slot 699.
  goTo(949n);
  expect(reserve(9n)).toBeUndefined();
  goTo(950n);
  expect(reserve(9n)).toBeDefined();
  late?.[Symbol.dispose]();
  expect(reserve(9n)).toBeUndefined();
});

test('W-21: what an earlier process owes counts, until no challenge of it is due', () => {
  const { reserve, goTo } = places(3, new Map([[5n, 2]]));
  expect(reserve(5n)).toBeDefined();
  expect(reserve(5n)).toBeUndefined();
  goTo(950n);
  for (const _ of [1, 2, 3]) expect(reserve(9n)).toBeDefined();
  expect(reserve(9n)).toBeUndefined();
});
