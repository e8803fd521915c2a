import { expect, test } from 'vitest';
import { tokenBucket } from './tokenBucket.ts';

test('gives the burst at once and then the rate', () => {
  const bucket = tokenBucket({ perSecond: 2, burst: 3 }, 0);
  expect([0, 0, 0, 0].map((at) => bucket.take(at))).toEqual([true, true, true, false]);
  expect([499, 500, 501, 1_000].map((at) => bucket.take(at))).toEqual([false, true, false, true]);
});

test('refills to the burst and no further, and forgives a clock that steps back', () => {
  const bucket = tokenBucket({ perSecond: 1, burst: 2 }, 1_000);
  expect([bucket.take(1_000), bucket.take(0), bucket.take(0)]).toEqual([true, true, false]);
  expect([bucket.isFull(2_999), bucket.isFull(3_000)]).toEqual([false, true]);
  expect([1, 2, 3].map(() => bucket.take(1_000_000))).toEqual([true, true, false]);
});
