import { expect, test } from 'vitest';
import { durationOf } from './durationOf.ts';

test.each([
  [-5, '0 s'],
  [999, '0 s'],
  [59_999, '59 s'],
  [60_000, '1 min'],
  [7_200_000, '2 h'],
])('%i ms is %s', (ms, text) => {
  expect(durationOf(ms)).toBe(text);
});
