import { expect, test } from 'vitest';
import { isNewer, ownLife } from './incarnation.ts';

const spoken = (incarnation: bigint, sequence: bigint) => ({ incarnation, sequence });

test('N-02: a later life replaces an earlier one, and within a life the later word does', () => {
  expect(isNewer(spoken(2n, 1n), spoken(1n, 99n))).toBe(true);
  expect(isNewer(spoken(1n, 99n), spoken(2n, 1n))).toBe(false);
  expect(isNewer(spoken(1n, 2n), spoken(1n, 1n))).toBe(true);
  expect(isNewer(spoken(1n, 1n), spoken(1n, 1n))).toBe(false);
});

test('N-02: a process whose clock went back outdoes its former life once it hears of it', () => {
  const life = ownLife({ now: () => 1_000 });
  expect(life.next()).toEqual(spoken(1_000n, 1n));
  // Its own echo, and a life before it, say nothing new.
  for (const old of [spoken(1_000n, 1n), spoken(999n, 50n)]) {
    expect([life.isOutdoneBy(old), life.outdo(old)]).toEqual([false, false]);
  }
  const ghost = spoken(5_000n, 7n);
  expect([life.isOutdoneBy(ghost), life.outdo(ghost), life.outdo(ghost)]).toEqual([true, true, false]);
  expect([life.next(), life.next()]).toEqual([spoken(5_001n, 1n), spoken(5_001n, 2n)]);
});

test('N-02: two processes with one identity outdo each other four times, then once in thirty seconds', () => {
  let nowMs = 0;
  const life = ownLife({ now: () => nowMs });
  const other = (step: bigint) => spoken(10n * step, 1n);
  expect([1n, 2n, 3n, 4n, 5n].map((step) => life.outdo(other(step)))).toEqual([true, true, true, true, false]);
  nowMs = 30_000;
  expect([life.outdo(other(6n)), life.outdo(other(7n))]).toEqual([true, false]);
});

test('N-02: nothing stands above the last number, so that it is passed over', () => {
  const life = ownLife({ now: () => -5 });
  const last = spoken((1n << 64n) - 1n, 1n);
  expect([life.isOutdoneBy(last), life.outdo(last), life.next()]).toEqual([false, false, spoken(0n, 1n)]);
});
