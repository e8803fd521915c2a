import { expect, test } from 'vitest';
import { fairAlarm } from './fairAlarm.ts';
import { manualClock } from './fixtures/manualClock.ts';

test('who was not held up rings in time', async () => {
  const clock = manualClock();
  let rung = 0;
  fairAlarm(clock, 2_500, () => rung++);
  await clock.pass(2_499);
  expect(rung).toBe(0);
  await clock.pass(20);
  expect(rung).toBe(1);
});

test('who was held up has a second to read what came in meanwhile, once', async () => {
  const clock = manualClock();
  let rung = 0;
  fairAlarm(clock, 2_500, () => rung++);
  await clock.pass(6_000);
  await clock.pass(999);
  expect(rung).toBe(0);
  await clock.pass(3_000);
  expect(rung).toBe(1);
});

test('an alarm that was taken back rings neither in time nor after', async () => {
  const clock = manualClock();
  clock.alarm(60_000, () => {});
  let rung = 0;
  const inTime = fairAlarm(clock, 10, () => rung++);
  const late = fairAlarm(clock, 2_500, () => rung++);
  inTime();
  await clock.pass(6_000);
  late();
  await clock.pass(6_000);
  expect(rung).toBe(0);
});
