import { expect, test } from 'vitest';
import { unitPrice } from './lanePrice.ts';
import { LANES } from './lanes.ts';

test('L-07: list price, lane and base fee multiply', () => {
  const prices = LANES.map((_, lane) => unitPrice({ listPrice: 100_000n, lane, baseFee: 1_000 }));
  expect(prices).toEqual([800_000n, 500_000n, 300_000n, 200_000n, 140_000n, 100_000n]);
  expect(unitPrice({ listPrice: 100_000n, lane: 4, baseFee: 1_125 })).toBe(157_500n);
});

test('L-07: rounds up, and is never below the list price', () => {
  expect(unitPrice({ listPrice: 1n, lane: 4, baseFee: 1_000 })).toBe(2n);
  expect(unitPrice({ listPrice: 10_000n, lane: 5, baseFee: 1_001 })).toBe(10_010n);
  expect(unitPrice({ listPrice: 9_999n, lane: 5, baseFee: 1_001 })).toBe(10_009n);
  for (const listPrice of [0n, 1n, 7n, 100_000n])
    for (const lane of LANES.keys())
      expect(unitPrice({ listPrice, lane, baseFee: 1_000 })).toBeGreaterThanOrEqual(listPrice);
});

test('L-07: a price over 64 bits is refused', () => {
  const most = 2n ** 64n - 1n;
  expect(unitPrice({ listPrice: most, lane: 5, baseFee: 1_000 })).toBe(most);
  for (const terms of [
    { listPrice: most, lane: 4, baseFee: 1_000 },
    { listPrice: most, lane: 5, baseFee: 1_001 },
    { listPrice: -1n, lane: 5, baseFee: 1_000 },
  ])
    expect(() => unitPrice(terms)).toThrowError(
      expect.objectContaining({ code: 'BAD_ARGUMENT', message: 'A price must fit 64 bits.' }),
    );
});

test('L-07: a lane that is not there and a base fee below one are refused', () => {
  expect(() => unitPrice({ listPrice: 1n, lane: 6, baseFee: 1_000 })).toThrowError('There is no such lane.');
  expect(() => unitPrice({ listPrice: 1n, lane: 5, baseFee: 999 })).toThrowError('A base fee is at least one');
});
