import { expect, test } from 'vitest';
import { runMeter } from './runMeter.ts';

test('says how fast answers come, the last ones counting most', () => {
  const meter = runMeter();
  expect([meter.milliTokensPerSecond(), meter.meanRunMs()]).toEqual([0, undefined]);
  meter.note({ outputTokens: 50, totalMs: 1_000 });
  expect([meter.milliTokensPerSecond(), meter.meanRunMs()]).toEqual([50_000, 1_000]);
  for (let i = 0; i < 100; i++) meter.note({ outputTokens: 20, totalMs: 2_000 });
  expect([meter.milliTokensPerSecond(), Math.round(meter.meanRunMs() ?? 0)]).toEqual([10_000, 2_000]);
});

test('an answer that took no time to measure is not infinitely fast', () => {
  const meter = runMeter();
  meter.note({ outputTokens: 3, totalMs: 0 });
  expect(meter.milliTokensPerSecond()).toBe(3_000_000);
});
