import { expect, test } from 'vitest';
import { backoffMs } from './backoff.ts';

test('doubles up to its limit, of which half to all is taken', () => {
  const options = { firstMs: 100, maxMs: 1_000 };
  const attempts = [0, 1, 2, 3, 4, 1_000];
  expect(attempts.map((attempt) => backoffMs({ attempt, ...options }, () => 0))).toEqual([50, 100, 200, 400, 500, 500]);
  expect(attempts.map((attempt) => backoffMs({ attempt, ...options }, () => 1 - Number.EPSILON))).toEqual([
    100, 200, 400, 800, 1_000, 1_000,
  ]);
});
