import { expect, test } from 'vitest';
import { cpuMeter } from './cpuMeter.ts';

test('measures use of the threads over two seconds at least', () => {
  let nowMs = 0;
  let cpuMicros = 500_000;
  const meter = cpuMeter({ threads: 2 })({ nowMs: () => nowMs, cpuMicros: () => cpuMicros });
  const after = (ms: number, micros: number): number => {
    nowMs += ms;
    cpuMicros += micros;
    return meter.permille();
  };
  expect(after(0, 0)).toBe(0);
  expect(after(1_999, 3_000_000)).toBe(0);
  expect(after(1, 0)).toBe(750);
  expect(after(4_000, 8_000_000)).toBe(1_000);
  expect(after(10, 20_000)).toBe(1_000);
  expect(after(1_990, 0)).toBe(5);
});
