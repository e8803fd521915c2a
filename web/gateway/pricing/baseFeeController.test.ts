import { expect, test } from 'vitest';
import { manualClock } from '../scheduler/fixtures/manualClock.ts';
import { baseFeeController } from './baseFeeController.ts';

test('L-06: the fee follows the queue, a step each interval, and falls back to one', async () => {
  const clock = manualClock();
  const told: number[] = [];
  let waiting = 100;
  const controller = baseFeeController({ target: 16, ceiling: 1_200, intervalMs: 1_000 })({
    clock,
    waiting: () => waiting,
    onChange: (baseFee) => told.push(baseFee),
  });
  expect(controller.baseFee).toBe(1_000);
  await clock.pass(999);
  expect(controller.baseFee).toBe(1_000);
  await clock.pass(1);
  expect(controller.baseFee).toBe(1_125);
  for (let i = 0; i < 3; i++) await clock.pass(1_000);
  expect(controller.baseFee).toBe(1_200);
  waiting = 0;
  for (let i = 0; i < 3; i++) await clock.pass(1_000);
  expect([controller.baseFee, told]).toEqual([1_000, [1_125, 1_200, 1_050, 1_000]]);
  waiting = 100;
  controller[Symbol.dispose]();
  clock.alarm(5_000, () => {});
  await clock.pass(5_000);
  expect(controller.baseFee).toBe(1_000);
});
