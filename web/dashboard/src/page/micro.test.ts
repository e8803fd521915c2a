import { expect, test } from 'vitest';
import { karmaOf, signedSolOf, solOf } from './micro.ts';

test.each([
  [0n, '0', '0'],
  [1n, '0.000001', '0.000000001'],
  [12_345_678n, '12.345678', '0.012345678'],
  [1_234_567_000_000_000n, '1 234 567 000', '1 234 567'],
])('%s micro-units are written exactly', (value, karma, sol) => {
  expect([karmaOf(value), solOf(value)]).toEqual([karma, sol]);
});

test('a debt has its sign', () => {
  expect([signedSolOf(-1_500_000_000n), signedSolOf(0n), signedSolOf(7n)]).toEqual(['−1.5', '0', '0.000000007']);
});
