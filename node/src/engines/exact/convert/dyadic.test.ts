import { expect, test } from 'vitest';
import { dyadicOf } from './dyadic.ts';

test.each([0, 1, -1, 0.1, -123.456, 2 ** -1074, 2 ** -1022, Number.MAX_VALUE, Math.fround(1e-5)])(
  '%d is its integer times its power of two',
  (value) => {
    const { integer, exponent } = dyadicOf(value);
    // Two steps, since a power below 2^-1022 loses digits of its own.
    const half = Math.trunc(exponent / 2);
    expect(Number(integer) * 2 ** half * 2 ** (exponent - half)).toBe(value);
  },
);
