import { expect, test } from 'vitest';
import { halfDigits, halfShift, halfValue, isFiniteHalf, nearestHalf } from './halfFloat.ts';

test('X-10: every finite half is an integer over 2^24, and nearest to itself', () => {
  for (let bits = 0; bits < 0x7c00; bits++) {
    const value = halfValue(bits);
    expect(value * 2 ** 24).toBe(halfDigits(bits) * 2 ** halfShift(bits));
    expect(nearestHalf(value)).toBe(bits);
  }
});

test('known halves have their values', () => {
  const known = [0x3c00, 0xc000, 0x7bff, 0x0001, 0x0400, 0x3555, 0x7c00].map(halfValue);
  expect(known).toEqual([1, -2, 65_504, 2 ** -24, 2 ** -14, 0.333251953125, Number.NaN]);
  expect([0x7c00, 0xfc00, 0x7e00, 0x7bff].map(isFiniteHalf)).toEqual([false, false, false, true]);
});

test('between two halves the nearer one is taken, on a tie the even one', () => {
  for (let bits = 0; bits < 0x7bff; bits++) {
    const [low, high] = [halfValue(bits), halfValue(bits + 1)];
    const middle = (low + high) / 2;
    expect(nearestHalf(middle)).toBe(bits % 2 === 0 ? bits : bits + 1);
    expect(nearestHalf(middle - (high - low) * 2 ** -20)).toBe(bits);
    expect(nearestHalf(middle + (high - low) * 2 ** -20)).toBe(bits + 1);
  }
});

test('what is too large for a half becomes infinite', () => {
  expect([65_519.99, 65_520, 1e300].map(nearestHalf)).toEqual([0x7bff, 0x7c00, 0x7c00]);
});
