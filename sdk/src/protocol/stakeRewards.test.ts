import { expect, test } from 'vitest';
import { earnedBetween, tokensWeigh, voteEarns } from './stakeRewards.ts';

test('P-31: what units earned, rounded down, across a borrow of the low half', () => {
  expect(earnedBetween(7n, [0n, 0n], [0n, 2n])).toBe(14n);
  expect(earnedBetween(3n, [0n, 0n], [(1n << 64n) / 2n, 0n])).toBe(1n);
  expect(earnedBetween(2n, [(1n << 64n) - 1n, 0n], [0n, 1n])).toBe(0n);
  expect(earnedBetween(1n << 62n, [(1n << 64n) - 4n, 0n], [0n, 1n])).toBe(1n);
});

test('P-28: tokens count by their rate, rounded down', () => {
  expect(tokensWeigh(9n, 1n << 31n)).toBe(4n);
});

test('P-32: a salt counts once, the winning report twice, and a salt kept back costs all', () => {
  const reportHash = new Uint8Array(32).fill(1);
  const epoch = { voteReward: 1_000n, votePoints: 100n, votesPaid: 0n, faults: 0, reportHash };
  const vote = { stake: 10n, attested: true, saltRevealed: true, revealed: true, accused: false, reportHash };
  expect([
    voteEarns(vote, epoch),
    voteEarns({ ...vote, revealed: false }, epoch),
    voteEarns({ ...vote, reportHash: new Uint8Array(32) }, epoch),
    voteEarns({ ...vote, attested: false, saltRevealed: false }, epoch),
    voteEarns({ ...vote, saltRevealed: false }, epoch),
    voteEarns({ ...vote, accused: true }, epoch),
    voteEarns(vote, { ...epoch, faults: 1 }),
    voteEarns(vote, { ...epoch, votePoints: 0n }),
    voteEarns(vote, { ...epoch, votesPaid: 750n }),
  ]).toEqual([300n, 100n, 100n, 200n, 0n, 0n, 0n, 0n, 250n]);
});
