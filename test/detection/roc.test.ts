import { expect, test } from 'vitest';
import { areaUnderCurve, rocCurve, wilson } from './roc.ts';
import { seededRandom } from './seededRandom.ts';

const bootstrap = () => ({ rounds: 200, random: seededRandom(3) });

test('Wilson’s interval has the values of his formula', () => {
  const rounded = ({ value, low, high }: { value: number; low: number; high: number }) =>
    [value, low, high].map((one) => Number(one.toFixed(4)));
  expect(rounded(wilson(0, 50))).toEqual([0, 0, 0.0713]);
  expect(rounded(wilson(50, 50))).toEqual([1, 0.9287, 1]);
  expect(rounded(wilson(5, 10))).toEqual([0.5, 0.2366, 0.7634]);
  expect(wilson(0, 0)).toEqual({ value: Number.NaN, low: 0, high: 1 });
});

test('scores that separate have the area 1, scores that are equal the area 0.5', () => {
  expect(areaUnderCurve({ positives: [[2], [3]], negatives: [[1], [0]] }, bootstrap())).toEqual({
    value: 1,
    low: 1,
    high: 1,
  });
  expect(areaUnderCurve({ positives: [[0], [0]], negatives: [[0], [0]] }, bootstrap())).toEqual({
    value: 0.5,
    low: 0.5,
    high: 0.5,
  });
});

test('the area counts pairs: over every pair of a positive and a negative, wins and half of the ties', () => {
  const scores = { positives: [[3, 1], [2]], negatives: [[1], [0, 2]] };
  // 3 beats 1, 0, 2; 1 ties 1, beats 0, loses to 2; 2 beats 1, 0, ties 2: 3 + 1.5 + 2.5 of 9.
  expect(areaUnderCurve(scores, bootstrap()).value).toBeCloseTo(7 / 9, 12);
});

test('the bootstrap’s interval holds the area and narrows with the number of groups', () => {
  const random = seededRandom(7);
  const draw = (count: number, shift: number) => Array.from({ length: count }, () => [random() + shift]);
  const [few, many] = [20, 320].map((count) =>
    areaUnderCurve({ positives: draw(count, 0.3), negatives: draw(count, 0) }, bootstrap()),
  );
  if (few === undefined || many === undefined) throw new Error('unreachable');
  // P(X + 0.3 > Y) of two uniform numbers is 1 - 0.7^2 / 2.
  expect(many.low).toBeLessThan(0.755);
  expect(many.high).toBeGreaterThan(0.755);
  expect(many.high - many.low).toBeLessThan((few.high - few.low) / 2);
});

test('the curve goes through its corners and no other point', () => {
  expect(rocCurve([3, 2], [2, 1, 0])).toEqual([
    { falseAlarms: 0, detected: 0 },
    { falseAlarms: 0, detected: 0.5 },
    { falseAlarms: 1 - 2 / 3, detected: 1 },
    { falseAlarms: 1, detected: 1 },
  ]);
});
