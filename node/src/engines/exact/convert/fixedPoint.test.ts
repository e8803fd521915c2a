import { expect, test } from 'vitest';
import { exp, FRACTION_BITS, LN2, ln, PI } from './fixedPoint.ts';

/** The first `digits` decimal digits behind the point, cut off. */
function decimals(value: bigint, digits: number): string {
  const scaled = (value * 10n ** BigInt(digits)) >> BigInt(FRACTION_BITS);
  return scaled.toString();
}

// The digits are those of OEIS A000796, A002162, A002392 and A068985.
test('pi and the logarithm of 2 have their known digits', () => {
  expect(decimals(PI, 100)).toBe(
    '31415926535897932384626433832795028841971693993751058209749445923078164062862089986280348253421170679',
  );
  expect(decimals(LN2, 98)).toBe(
    '69314718055994530941723212145817656807550013436025525412068000949339362196969471560586332699641868',
  );
});

test('ln has its known digits', () => {
  expect(decimals(ln(10), 98)).toBe(
    '230258509299404568401799145468436420760110148862877297603332790096757260967735248023599720508959829',
  );
  expect(ln(1)).toBe(0n);
  expect(ln(2 ** -20)).toBe(-20n * LN2);
});

test('exp has its known digits', () => {
  expect(decimals(exp(-1n << BigInt(FRACTION_BITS)), 98)).toBe(
    '36787944117144232159552377016146086744581113103176783450783680169746149574489980335714727434591964',
  );
  expect(exp(0n)).toBe(1n << BigInt(FRACTION_BITS));
});

test('exp undoes ln, to 470 bits', () => {
  for (const value of [10_000, 500_000, 1_000_000, 1.5, 3.4e38]) {
    const product = exp(-ln(value)) * BigInt(value === 1.5 ? 15 : Math.trunc(value));
    const one = BigInt(value === 1.5 ? 10 : 1) << BigInt(FRACTION_BITS);
    const error = product > one ? product - one : one - product;
    expect(error < 1n << 170n).toBe(true);
  }
});
