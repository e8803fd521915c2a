import { logger } from '@karmesh/sdk/runtime';
import { expect, test } from 'vitest';
import { startSchema } from './config.ts';
import { openGovernor } from './openGovernor.ts';

const log = logger({ name: 'karmesh-worker', level: 'silent' })();

test('limits that make no sense are refused as settings', () => {
  for (const limits of [
    { hours: ['25:00-07:00'] },
    { hours: ['22:00-22:00'] },
    { minBattery: 0 },
    { minBattery: 101 },
    { maxMemoryMib: 0 },
  ])
    expect(startSchema.safeParse(limits).success).toBe(false);
});

test('a battery that cannot be read is no limit that could be kept', async () => {
  const config = startSchema.parse({ minBattery: 20 });
  await expect(openGovernor(config, { log, platform: 'darwin' })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: 'The charge of a battery can be read on Linux alone; leave --min-battery out.',
    facts: { platform: 'darwin' },
  });
});

test('the settings become limits, and unless told there are none', async () => {
  using free = await openGovernor(startSchema.parse({}), { log });
  expect(free.standing()).toEqual({ state: 'serving' });
  using tight = await openGovernor(startSchema.parse({ hours: ['00:00-24:00'], maxMemoryMib: 1 }), { log });
  expect(tight.standing()).toMatchObject({ state: 'over-memory', facts: { maxMemoryBytes: 1_048_576 } });
});
