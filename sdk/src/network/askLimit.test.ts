import { expect, test } from 'vitest';
import { askLimit } from './askLimit.ts';

function limited(maxEntries = 8) {
  const state = { nowMs: 0, bonded: new Set<string>(), lookedUp: 0 };
  const limit = askLimit({ perMinute: 100, bondedPerMinute: 300, maxEntries })<string>({
    now: () => state.nowMs,
    isBonded(peer) {
      state.lookedUp += 1;
      return state.bonded.has(peer);
    },
    keyOf: (peer) => peer,
  });
  const taken = (peer: string, times: number): number =>
    Array.from({ length: times }, () => limit.take(peer)).filter((isTaken) => isTaken).length;
  return { limit, state, taken };
}

test('N-12: a stranger asks a hundred times at once and a hundred times a minute, and each peer for itself', () => {
  const { limit, state, taken } = limited();
  expect([limit.mayAsk('a'), taken('a', 150), limit.mayAsk('a'), taken('b', 3)]).toEqual([true, 100, false, 3]);
  state.nowMs = 30_000;
  expect([limit.mayAsk('a'), taken('a', 150), taken('a', 1)]).toEqual([true, 50, 0]);
});

test('N-12: a bonded participant has so many more, and is looked up only once it needs them', () => {
  const { limit, state, taken } = limited();
  state.bonded.add('a');
  expect([taken('a', 100), state.lookedUp]).toEqual([100, 0]);
  expect([taken('a', 500), limit.mayAsk('a')]).toEqual([300, false]);
  state.nowMs = 60_000;
  expect([limit.mayAsk('a'), taken('a', 1_000)]).toEqual([true, 400]);
});

test('N-12: those who have not asked lately are forgotten first, then the oldest', () => {
  const { state, taken } = limited(2);
  expect([taken('a', 100), taken('b', 1)]).toEqual([100, 1]);
  state.nowMs = 1_000;
  // `b` is full again and makes room, so that `a` is still known.
  expect([taken('c', 1), taken('a', 1), taken('a', 1)]).toEqual([1, 1, 0]);
  expect([taken('d', 1), taken('a', 1)]).toEqual([1, 1]);
});
