import { expect, test } from 'vitest';
import { isNewer, ownLife } from './incarnation.ts';

const spoken = (incarnation: bigint, sequence: bigint) => ({ incarnation, sequence });

test('N-10: a later life replaces an earlier one, and within a life the later word does', () => {
  expect(isNewer(spoken(2n, 1n), spoken(1n, 99n))).toBe(true);
  expect(isNewer(spoken(1n, 99n), spoken(2n, 1n))).toBe(false);
  expect(isNewer(spoken(1n, 2n), spoken(1n, 1n))).toBe(true);
  expect(isNewer(spoken(1n, 1n), spoken(1n, 1n))).toBe(false);
});

test('N-10: a process whose clock went back outdoes its former life once it hears of it', () => {
  const life = ownLife({ now: () => 1_000 });
  expect(life.next()).toEqual(spoken(1_000n, 1n));
  // Its own echo, and a life before it, say nothing new.
  for (const old of [spoken(1_000n, 1n), spoken(999n, 50n)]) {
    expect([life.isOutdoneBy(old), life.outdo(old)]).toEqual([false, { isRaised: false, isTwin: false }]);
  }
  const ghost = spoken(5_000n, 7n);
  expect(life.isOutdoneBy(ghost)).toBe(true);
  expect([life.outdo(ghost), life.outdo(ghost)]).toEqual([
    { isRaised: true, isTwin: false },
    { isRaised: false, isTwin: false },
  ]);
  expect([life.next(), life.next()]).toEqual([spoken(5_001n, 1n), spoken(5_001n, 2n)]);
});

test('N-10: two processes with one identity outdo each other four times, then once in thirty seconds', () => {
  let nowMs = 0;
  const life = ownLife({ now: () => nowMs });
  const other = (step: bigint) => spoken(10n * step, 1n);
  const outdone = (steps: readonly bigint[]) => steps.map((step) => life.outdo(other(step)));
  const twin = { isRaised: true, isTwin: true };
  expect(outdone([1n, 2n, 3n, 4n, 5n])).toEqual([
    { isRaised: true, isTwin: false },
    ...[twin, twin, twin],
    { isRaised: false, isTwin: true },
  ]);
  nowMs = 30_000;
  expect(outdone([6n, 7n])).toEqual([twin, { isRaised: false, isTwin: true }]);
});

test('N-10: a life that began while this one lived is another process', () => {
  let nowMs = 1_000;
  const life = ownLife({ now: () => nowMs });
  nowMs = 9_000;
  expect(life.outdo(spoken(5_000n, 1n))).toEqual({ isRaised: true, isTwin: true });
});

test('N-10: nothing stands above the last number, so that it is passed over', () => {
  const life = ownLife({ now: () => -5 });
  const last = spoken((1n << 64n) - 1n, 1n);
  expect([life.isOutdoneBy(last), life.outdo(last).isRaised, life.next()]).toEqual([false, false, spoken(0n, 1n)]);
});
