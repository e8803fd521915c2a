import { expect, test } from 'vitest';
import { type RopeOptions, ropeFrequencies } from './ropeFrequencies.ts';

const frequencies = (options: Partial<RopeOptions>): BigUint64Array =>
  ropeFrequencies({ headSize: 16, base: 10_000, factor: 1, divisors: undefined, ...options });

// The digits were computed apart, with 120 decimal digits.
test('X-17: frequencies are 2^64 turns over the length of each wave', () => {
  expect([...frequencies({})]).toEqual([
    2935890503282001226n,
    928410095122917244n,
    293589050328200123n,
    92841009512291724n,
    29358905032820012n,
    9284100951229172n,
    2935890503282001n,
    928410095122917n,
  ]);
});

test('X-17: a divisor of its own makes a pair slower', () => {
  const divisors = Array.from({ length: 64 }, (_, i) => (i === 63 ? 8 : i === 30 ? Math.fround(3.3) : 1));
  const found = frequencies({ headSize: 128, base: 500_000, divisors });
  expect([0, 17, 30, 63].map((i) => found[i])).toEqual([
    2935890503282001226n,
    89939598963010509n,
    1895979909147255n,
    901003066613n,
  ]);
});

test('X-17: linear scaling makes all pairs slower', () => {
  const found = frequencies({ headSize: 64, base: 1_000_000, factor: 4 });
  expect([0, 1, 31].map((i) => found[i])).toEqual([733972625820500307n, 476628341287592534n, 1130263915903n]);
});

test('X-17: a base of 1 turns all pairs alike', () => {
  expect(new Set(frequencies({ base: 1 }))).toEqual(new Set([2935890503282001226n]));
});

test.each<readonly [string, Partial<RopeOptions>]>([
  ['a base under 1', { base: 0.5 }],
  ['a base that is no number', { base: Number.NaN }],
  ['a factor of zero', { factor: 0 }],
  ['an infinite factor', { factor: Number.POSITIVE_INFINITY }],
  ['a negative divisor', { divisors: [1, 1, 1, -1, 1, 1, 1, 1] }],
  ['too few divisors', { divisors: [1] }],
  ['a wave shorter than one position', { divisors: Array(8).fill(0.1) }],
])('X-17: refuses %s', (_, options) => {
  expect(() => frequencies(options)).toThrow(
    expect.objectContaining({
      code: 'MODEL_INVALID',
      message: 'The model’s rotary positions have an impossible number.',
    }),
  );
});
