import { expect, test } from 'vitest';
import { BRONZE, LANES, laneNumber, laneTerms } from './lanes.ts';

test('L-01: a lane’s number is its place from the dearest to the cheapest', () => {
  expect(LANES.map(({ name }) => [name, laneNumber(name)])).toEqual([
    ['master', 0],
    ['diamond', 1],
    ['platinum', 2],
    ['gold', 3],
    ['silver', 4],
    ['bronze', 5],
  ]);
  expect(laneTerms(BRONZE)).toEqual({ name: 'bronze', priceTenths: 10, weight: 1 });
  expect(laneTerms(0)).toEqual({ name: 'master', priceTenths: 80, weight: 32 });
});

test('L-01: who pays more never has less weight, and Bronze pays the list price', () => {
  const pairs = LANES.slice(1).map((lane, i) => [LANES[i], lane] as const);
  for (const [dearer, cheaper] of pairs) {
    expect(dearer?.priceTenths).toBeGreaterThan(cheaper.priceTenths);
    expect(dearer?.weight).toBeGreaterThan(cheaper.weight);
  }
  expect(LANES.at(-1)?.priceTenths).toBe(10);
});

test.each([-1, 6, 0.5])('there is no lane %d', (lane) => {
  expect(() => laneTerms(lane)).toThrowError(
    expect.objectContaining({ code: 'BAD_ARGUMENT', message: 'There is no such lane.', facts: { lane, lanes: 6 } }),
  );
});
