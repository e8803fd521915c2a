import { describe, expect, test } from 'vitest';
import { sumMeasurements } from '../sumMeasurements.ts';
import { measurePosition } from './measure.ts';
import { byLogit, sampleToken, type TokenLogit } from './sampler.ts';

const greedy = { requestId: new Uint8Array(32), position: 0, temperatureMicro: 0 };
const warm = { ...greedy, temperatureMicro: 800_000 };

function logits(...values: readonly number[]): TokenLogit[] {
  return values.map((logit, token) => ({ token, logit })).sort(byLogit);
}

describe('S-07: the gap', () => {
  test('at temperature 0 is what the claimed logit lacks', () => {
    const sorted = logits(1, 3, 2.5);
    expect(measurePosition({ place: greedy, claimed: { token: 2, logit: 2.5 }, sorted })).toEqual({
      token: 2,
      chosen: 1,
      rank: 1,
      gap: 0.5,
      margin: 0.5,
    });
    expect(measurePosition({ place: greedy, claimed: { token: 1, logit: 3 }, sorted }).gap).toBe(0);
  });

  test('above it is 0 for the choice and grows with the noise in units of logits', () => {
    const sorted = logits(...Array.from({ length: 100 }, (_, i) => 5 - i / 20));
    const chosen = sampleToken(warm, sorted);
    const chosenLogit = sorted.find(({ token }) => token === chosen);
    if (chosenLogit === undefined) throw new Error('the choice is among the logits');
    expect(measurePosition({ place: warm, claimed: chosenLogit, sorted })).toMatchObject({ chosen, rank: 0, gap: 0 });
    for (const claimed of sorted.filter(({ token }) => token !== chosen))
      expect(measurePosition({ place: warm, claimed, sorted }).gap).toBeGreaterThan(0);
  });

  test('explains a rival at the edge of the window by pushing it out', () => {
    // Token 63 is the last inside; a shift of 0.001 would put token 64 in its place.
    const sorted = logits(...Array.from({ length: 63 }, () => 1), 0.001, 0);
    let position = 0;
    while (sampleToken({ ...warm, position }, sorted) !== 63) position++;
    const others = sorted.filter(({ token }) => token !== 63).slice(0, 63);
    const second = others
      .map((claimed) => measurePosition({ place: { ...warm, position }, claimed, sorted }))
      .sort((a, b) => a.rank - b.rank)[0];
    expect(second).toMatchObject({ rank: 1, gap: 0.001 });
  });

  test('of a token outside of the window is at least what brings it in', () => {
    const sorted = logits(...Array.from({ length: 65 }, (_, i) => 100 - i));
    expect(measurePosition({ place: warm, claimed: { token: 900, logit: 7 }, sorted }).gap).toBeGreaterThanOrEqual(30);
  });
});

test('U-04: gaps are summed in whole micro-logits, rounded up', () => {
  const position = { token: 1, chosen: 1, rank: 0, gap: 0, margin: 1 };
  expect(
    sumMeasurements([
      position,
      { ...position, chosen: 2, rank: 1, gap: 0.0000001 },
      { ...position, chosen: 2, gap: 0.25 },
    ]),
  ).toEqual({ tokens: 3, differing: 2, largestGapMicro: 250_000n, gapSumMicro: 250_001n });
});
