import { systemClock } from '@karmesh/sdk/clock';
import { KarmeshError } from '@karmesh/sdk/errors';
import type { Logger } from '@karmesh/sdk/runtime';
import { type Governor, governor } from '../governor/governor.ts';
import { parseHours } from '../governor/hours.ts';
import { readPower } from '../governor/readPower.ts';
import type { StartConfig } from './config.ts';

const BYTES_PER_MIB = 2 ** 20;

/** How many bytes of memory the settings allow. */
export function maxMemoryBytes({ maxMemoryMib }: Pick<StartConfig, 'maxMemoryMib'>): number | undefined {
  return maxMemoryMib === undefined ? undefined : maxMemoryMib * BYTES_PER_MIB;
}

/** The governor that the settings describe, once it has looked. Throws `CONFIG_INVALID` where this machine cannot keep a limit. */
export async function openGovernor(
  config: Pick<StartConfig, 'hours' | 'minBattery' | 'maxMemoryMib'>,
  { log, platform = process.platform }: { readonly log: Pick<Logger, 'info' | 'warn'>; readonly platform?: string },
): Promise<Governor> {
  const { minBattery } = config;
  if (minBattery !== undefined && platform !== 'linux')
    throw new KarmeshError(
      'CONFIG_INVALID',
      'The charge of a battery can be read on Linux alone; leave --min-battery out.',
      {
        platform,
      },
    );
  const governing = governor({
    hours: config.hours.flatMap((text) => parseHours(text) ?? []),
    minBatteryPercent: minBattery,
    maxMemoryBytes: maxMemoryBytes(config),
  })({
    clock: systemClock,
    minuteOfDay,
    residentBytes: () => process.memoryUsage.rss(),
    readPower,
    onChange(now) {
      if (now.state === 'serving') log.info('The worker takes work again.');
      else if (now.state === 'over-memory') log.warn(now.facts, now.sentence);
      else log.info({ limit: now.state, ...now.facts }, now.sentence);
    },
  });
  await governing.look();
  return governing;
}

function minuteOfDay(): number {
  const now = new Date();
  return now.getHours() * 60 + now.getMinutes();
}
