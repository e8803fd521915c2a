import { expect, test } from 'vitest';
import { bitLength, fourfold, isqrt, rdiv, rshr } from './integers.ts';

test('rshr rounds halves up, and shifts left for a negative count', () => {
  expect([7n, 6n, 5n, -5n, -6n, -7n].map((a) => rshr(a, 2))).toEqual([2n, 2n, 1n, -1n, -1n, -2n]);
  expect([rshr(3n, 0), rshr(-3n, -2)]).toEqual([3n, -12n]);
});

test('rdiv rounds to the nearest, halves up', () => {
  expect([rdiv(7n, 2n), rdiv(5n, 3n), rdiv(4n, 3n), rdiv(0n, 9n)]).toEqual([4n, 2n, 1n, 0n]);
});

test('bitLength counts binary digits', () => {
  expect([0n, 1n, 2n, 255n, 256n, (1n << 127n) - 1n].map(bitLength)).toEqual([0, 1, 2, 8, 9, 127]);
});

test('isqrt is the floor of the root, also beside squares', () => {
  for (let n = 0n; n < 200n; n++) expect(isqrt(n)).toBe(BigInt(Math.floor(Math.sqrt(Number(n)))));
  const root = 12_345_678_901_234_567_890n;
  expect([isqrt(root * root - 1n), isqrt(root * root), isqrt(root * root + 2n * root)]).toEqual([
    root - 1n,
    root,
    root,
  ]);
});

test('fourfold finds the power of four that is not under n', () => {
  expect([0n, 1n, 2n, 4n, 5n, 16n, 17n, 1n << 64n, (1n << 64n) + 1n].map(fourfold)).toEqual([
    0, 0, 1, 1, 2, 2, 3, 32, 33,
  ]);
});
