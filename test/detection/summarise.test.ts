import { expect, test } from 'vitest';
import { sumMeasurements } from '../../node/src/engines/sumMeasurements.ts';
import type { Evidence, Series } from './collect.ts';
import { summarise } from './summarise.ts';
import { VARIANTS } from './variants.ts';

const thresholds = { largestGapMicro: 25_000n, gapSumMicroPer1000: 300_000n, differingPer1000: 30 };

/** Every `every`-th answer of eight tokens has one token with this gap in logits. */
function series(model: Series['model'], { gap, every }: { readonly gap: number; readonly every: number }): Series {
  const answers = Array.from({ length: 8 }, (_, answer) => {
    const positions = Array.from({ length: 8 }, (_, i) => {
      const differs = i === 3 && answer % every === 0;
      return { token: 1, chosen: differs ? 2 : 1, rank: differs ? 1 : 0, gap: differs ? gap : 0, margin: 1 };
    });
    return { promptTokens: 5, positions, measurements: sumMeasurements(positions), end: 'right' as const };
  });
  return { model, worker: 'a', auditor: 'a', temperatureMicro: 0, answers };
}

const evidence: Evidence = {
  prompts: 8,
  seed: 1,
  kernels: ['a'],
  temperaturesMicro: [0],
  series: [
    series('honest', { gap: 0.001, every: 4 }),
    ...VARIANTS.map((variant) => series(variant, { gap: variant === 'q4_0' ? 0.1 : 0.001, every: 2 })),
  ],
};

test('groups are runs of prompts with enough tokens, and longer ones show more', () => {
  const { detection } = summarise(evidence, thresholds);
  const rows = detection.filter(({ variant }) => variant === 'q4_0');
  expect(rows.map(({ tokens, groups, detected }) => [tokens, groups, detected.value])).toEqual([
    [8, 8, 0.5],
    [16, 4, 1],
    [32, 2, 1],
  ]);
  // Half of the cheat's groups beat every honest one; the others tie with the three quarters without a gap and lose to the rest.
  expect(rows[0]?.area.gapSum.value).toBe(0.5 + 0.5 * 0.75 * 0.5);
  expect(rows[0]?.detectedAtNoFalseAlarm.value).toBe(0.5);
  expect(rows[1]?.curve).toEqual([
    { falseAlarms: 0, detected: 0 },
    { falseAlarms: 0, detected: 1 },
    { falseAlarms: 1, detected: 1 },
  ]);
});

test('no honest group raises an alarm, and whole answers are judged as an audit judges them', () => {
  const { falseAlarms, answers } = summarise(evidence, thresholds);
  expect(falseAlarms.map(({ tokens, falseAlarms: { value } }) => [tokens, value])).toEqual([
    [8, 0],
    [16, 0],
    [32, 0],
  ]);
  expect(answers.map(({ model, flagged: { value } }) => [model, value])).toEqual([
    ['honest', 0],
    ['q4_0', 0.5],
    ['changed', 0],
    ['f16', 0],
    ['nudged', 0],
  ]);
  const { differingPer1000, gapSumMicroPer1000, meanTokens, worst } = answers[0] ?? {};
  expect({ differingPer1000, gapSumMicroPer1000, meanTokens, worst }).toEqual({
    differingPer1000: 31.25,
    gapSumMicroPer1000: 31_250,
    meanTokens: 8,
    worst: { largestGapMicro: 1000, gapSumMicroPer1000: 10_000, differingPer1000: 10 },
  });
});
