import { describe, expect, test } from 'vitest';
import { FIELD_ORDER } from '../r1cs/r1csFile.ts';
import { toField } from './field.ts';
import { narrowBounds, type Relation } from './narrowBounds.ts';

/** Wires from 100 on are booleans. */
const isBoolean = (wire: number): boolean => wire >= 100;
const relation = (factors: Readonly<Record<number, bigint>>, constant: bigint): Relation => ({
  factors: new Map(Object.entries(factors).map(([wire, factor]) => [Number(wire), toField(factor)])),
  constant: toField(constant),
});
/** wire = sum of bits 2^i, with bits from `first` on, plus an offset. */
const digits = (wire: number, first: number, count: number, offset = 0n): Relation =>
  relation(
    Object.fromEntries([[wire, 1n], ...Array.from({ length: count }, (_, i) => [first + i, -(1n << BigInt(i))])]),
    -offset,
  );
const [QUOTIENT, REST] = [1, 2];

describe('a quotient and its rest', () => {
  const divisor = 1000n;
  /** dividend = quotient * divisor + rest, the quotient signed with 8 bits, the rest and the divisor less it and 1 with 10. */
  const division = (dividend: bigint, scale = 1n): readonly Relation[] => [
    relation({ [QUOTIENT]: divisor * scale, [REST]: scale }, -dividend * scale),
    digits(QUOTIENT, 100, 8, -128n),
    digits(REST, 200, 10),
    relation(
      Object.fromEntries([[REST, 1n], ...Array.from({ length: 10 }, (_, i) => [300 + i, 1n << BigInt(i)])]),
      1n - divisor,
    ),
  ];

  test.each([
    { dividend: 0n, quotient: 0n },
    { dividend: 999n, quotient: 0n },
    { dividend: 1000n, quotient: 1n },
    { dividend: 127_999n, quotient: 127n },
    { dividend: -1n, quotient: -1n },
    { dividend: -128_000n, quotient: -128n },
  ])('of $dividend are forced, whatever a relation is multiplied by', ({ dividend, quotient }) => {
    const forced = new Map([[QUOTIENT, toField(quotient)]]);
    for (const scale of [1n, -1n, (FIELD_ORDER + 1n) / 2n, 2n ** 200n + 1n]) {
      const found = narrowBounds(division(dividend, scale), isBoolean);
      expect(found === 'impossible' ? found : found.get(QUOTIENT)).toBe(forced.get(QUOTIENT));
    }
  });

  test.each([128_000n, -128_001n, FIELD_ORDER / 2n])(
    'of %s, which is beyond the digits, there are none',
    (dividend) => {
      expect(narrowBounds(division(dividend), isBoolean)).toBe('impossible');
    },
  );

  test('are not forced without the bound of the rest above, or without the one below', () => {
    const without = (dividend: bigint, dropped: number): unknown =>
      narrowBounds(
        division(dividend).filter((_, i) => i !== dropped),
        isBoolean,
      );
    const [TO_DIGITS, BELOW_DIVISOR] = [2, 3];
    // 5 and 990 or 6 and -10; 5 and 10 or 4 and 1010
    expect(without(5990n, TO_DIGITS)).toEqual(new Map());
    expect(without(5010n, BELOW_DIVISOR)).toEqual(new Map());
  });
});

test('a sum that may reach p says nothing', () => {
  // 2^252 q + r = n has a second solution modulo p.
  const wide = [
    relation({ [QUOTIENT]: 1n << 252n, [REST]: 1n }, -5n),
    digits(QUOTIENT, 100, 4),
    digits(REST, 200, 252),
  ];
  expect(narrowBounds(wide, isBoolean)).toEqual(new Map());
});

test('a wire without bounds beside another one says nothing', () => {
  expect(narrowBounds([relation({ [QUOTIENT]: 1n, [REST]: 1n }, -5n)], isBoolean)).toEqual(new Map());
});
