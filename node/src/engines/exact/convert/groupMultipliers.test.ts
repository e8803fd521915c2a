import { expect, test } from 'vitest';
import { foldedFactor } from './foldedFactor.ts';
import { groupMultipliers } from './groupMultipliers.ts';
import { halfDigits, halfShift } from './halfFloat.ts';
import { bitLength, rshr } from './integers.ts';

test('X-11: the folded factors are their real numbers times 2^62, rounded down', () => {
  expect(['query', 'gate', 'up', 'plain', 'head'].map((role) => foldedFactor(role as 'query', 64))).toEqual([
    831657068615270155n,
    6653256548922161246n,
    3196577161300663915n,
    1n << 62n,
    1n << 62n,
  ]);
  // log2(e) / sqrt(128), where the root is none.
  expect(Number(foldedFactor('query', 128)) / 2 ** 62).toBeCloseTo(Math.LOG2E / Math.sqrt(128), 15);
});

test.each(['query', 'gate', 'up', 'plain'] as const)('X-11: every scale of %s is what big integers make it', (role) => {
  const factor = foldedFactor(role, 96);
  const { shiftOf, multiplierOf } = groupMultipliers(factor, 12);
  const magnitude = (half: number): bigint => BigInt(halfDigits(half)) << BigInt(halfShift(half));
  const tops = [0x0001, 0x0123, 0x1800, 0x3c01, 0x7bff];
  const wrong = tops.flatMap((top) => {
    const shift = 12 + 86 - bitLength(magnitude(top) * factor);
    const scales = Array.from({ length: top + 1 }, (_, half) => half).filter((half) => half % 7 === 0 || half === top);
    return scales.filter((half) => {
      const rounded = rshr(magnitude(half) * factor, 86 - shift);
      const expected = Number(rounded > 4095n ? 4095n : rounded);
      const isRight = multiplierOf(half, shift) === expected && multiplierOf(half | 0x8000, shift) === -expected;
      return shiftOf(top) !== shift || !isRight;
    });
  });
  expect(wrong).toEqual([]);
});

test('X-11: a row of zeros is not shifted', () => {
  const { shiftOf, multiplierOf } = groupMultipliers(foldedFactor('plain', 64), 12);
  expect([shiftOf(0), Math.abs(multiplierOf(0, 0)), Math.abs(multiplierOf(0x8000, 0))]).toEqual([0, 0, 0]);
});
