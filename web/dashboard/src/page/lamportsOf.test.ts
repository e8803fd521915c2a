import { expect, test } from 'vitest';
import { lamportsOf, unitsOf } from './lamportsOf.ts';

test.each([
  ['1', 1_000_000_000n],
  [' 0.5 ', 500_000_000n],
  ['0.000000001', 1n],
  ['1 234.5', 1_234_500_000_000n],
  ['1.', 1_000_000_000n],
  ['0.0000000001', undefined],
  ['-1', undefined],
  ['1e9', undefined],
  ['1,5', undefined],
  ['', undefined],
])('%j SOL are %s lamports', (typed, lamports) => {
  expect(lamportsOf(typed)).toBe(lamports);
});

test('a token without digits behind the point has none', () => {
  expect([unitsOf('7', 0), unitsOf('7.5', 0)]).toEqual([7n, undefined]);
});
