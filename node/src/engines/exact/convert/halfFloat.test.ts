import { expect, test } from 'vitest';
import { halfDigits, halfShift, halfValue, isFiniteHalf, nearestHalf } from './halfFloat.ts';

test('X-10: every finite half is an integer over 2^24, and nearest to itself', () => {
  const wrong = Array.from({ length: 0x7c00 }, (_, bits) => bits).filter((bits) => {
    const value = halfValue(bits);
    return value * 2 ** 24 !== halfDigits(bits) * 2 ** halfShift(bits) || nearestHalf(value) !== bits;
  });
  expect(wrong).toEqual([]);
});

test('known halves have their values', () => {
  const known = [0x3c00, 0xc000, 0x7bff, 0x0001, 0x0400, 0x3555, 0x7c00].map(halfValue);
  expect(known).toEqual([1, -2, 65_504, 2 ** -24, 2 ** -14, 0.333251953125, Number.NaN]);
  expect([0x7c00, 0xfc00, 0x7e00, 0x7bff].map(isFiniteHalf)).toEqual([false, false, false, true]);
});

test('between two halves the nearer one is taken, on a tie the even one', () => {
  const wrong = Array.from({ length: 0x7bff }, (_, bits) => bits).filter((bits) => {
    const [low, high] = [halfValue(bits), halfValue(bits + 1)];
    const [middle, little] = [(low + high) / 2, (high - low) * 2 ** -20];
    const found = [middle - little, middle, middle + little].map(nearestHalf);
    return found[0] !== bits || found[1] !== bits + (bits % 2) || found[2] !== bits + 1;
  });
  expect(wrong).toEqual([]);
});

test('what is too large for a half becomes infinite', () => {
  expect([65_519.99, 65_520, 1e300].map(nearestHalf)).toEqual([0x7bff, 0x7c00, 0x7c00]);
});
