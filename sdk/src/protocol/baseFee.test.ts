import { expect, test } from 'vitest';
import { nextBaseFee } from './baseFee.ts';

const at = (waiting: number, baseFee: number, ceiling = 20_000): number =>
  nextBaseFee({ baseFee, waiting, target: 16, ceiling });

test('L-06: it stays at the target, and moves by an eighth at most', () => {
  expect(at(16, 4_000)).toBe(4_000);
  expect([at(32, 4_000), at(1_000_000, 4_000)]).toEqual([4_500, 4_500]);
  expect([at(0, 4_000), at(8, 4_000), at(24, 4_000)]).toEqual([3_500, 3_750, 4_250]);
});

test('L-06: it rises by a thousandth at least, and falls to one and no further', () => {
  expect(nextBaseFee({ baseFee: 1_000, waiting: 1_001, target: 1_000, ceiling: 20_000 })).toBe(1_001);
  expect([at(0, 1_000), at(15, 1_000), at(0, 1_001), at(0, 1_100)]).toEqual([1_000, 1_000, 1_000, 1_000]);
});

test('L-06: it never leaves one and its ceiling, nor moves by more than an eighth and a thousandth', () => {
  let baseFee = 1_000;
  let greatest = 0;
  for (let i = 0; i < 20_000; i++) {
    const waiting = Math.floor((i * i) / 7) % 45;
    const next = nextBaseFee({ baseFee, waiting, target: 16, ceiling: 9_999 });
    expect(next >= 1_000 && next <= 9_999 && Math.abs(next - baseFee) <= Math.max(1, baseFee / 8)).toBe(true);
    expect(Math.sign(next - baseFee)).toBe(waiting > 16 ? (baseFee === 9_999 ? 0 : 1) : next === baseFee ? 0 : -1);
    baseFee = next;
    greatest = Math.max(greatest, next);
  }
  expect(greatest).toBe(9_999);
});

test('L-06: a ceiling that was lowered holds at once, and the greatest fee of all does not overflow', () => {
  expect(at(16, 8_000, 5_000)).toBe(5_000);
  expect(nextBaseFee({ baseFee: 2 ** 32 - 1, waiting: 2 ** 40, target: 2 ** 39, ceiling: 2 ** 32 - 1 })).toBe(
    2 ** 32 - 1,
  );
});

test.each([
  { baseFee: 999, waiting: 0, target: 16, ceiling: 2_000 },
  { baseFee: 1_000.5, waiting: 0, target: 16, ceiling: 2_000 },
  { baseFee: 2 ** 32, waiting: 0, target: 16, ceiling: 2_000 },
  { baseFee: 1_000, waiting: 0, target: 16, ceiling: 999 },
])('L-06: refuses a fee or a ceiling below one: %o', (now) => {
  expect(() => nextBaseFee(now)).toThrowError(
    expect.objectContaining({
      code: 'BAD_ARGUMENT',
      message: 'A base fee is at least one, in thousandths, and fits 32 bits.',
    }),
  );
});

test.each([
  { waiting: -1, target: 16 },
  { waiting: 0.5, target: 16 },
  { waiting: 1, target: 0 },
])('L-06: refuses %o as a queue', (queue) => {
  expect(() => nextBaseFee({ baseFee: 1_000, ceiling: 2_000, ...queue })).toThrowError(
    expect.objectContaining({
      code: 'BAD_ARGUMENT',
      message: 'A queue’s length is a whole number, and its target a positive one.',
      facts: queue,
    }),
  );
});
