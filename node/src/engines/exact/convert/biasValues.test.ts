import { expect, test } from 'vitest';
import { biasValues } from './biasValues.ts';

const biases = (factor: bigint, ...values: readonly number[]): readonly number[] => [
  ...biasValues('blk.0.attn_q.bias', { values: Float64Array.from(values), factor }),
];

test('X-16: biases are rounded to 16 fraction bits, halves up', () => {
  const one = 1n << 62n;
  expect(biases(one, 1, -1.5, 2.5 / 65_536, -2.5 / 65_536, 2 ** -149, -(2 ** -149), 0)).toEqual([
    65_536, -98_304, 3, -2, 0, 0, 0,
  ]);
  expect(biases(one / 4n, 10)).toEqual([163_840]);
});

test('X-16: a bias of 2^14 and more is refused', () => {
  expect(biases(1n << 62n, 16_383.99)).toEqual([1_073_741_169]);
  for (const value of [16_384, -16_384])
    expect(() => biases(1n << 62n, value)).toThrow('The model has a bias that is too large for exact arithmetic.');
});
