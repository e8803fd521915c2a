import { KarmeshError } from '@karmesh/sdk/errors';
import { expect, test } from 'vitest';
import { type GovernorOptions, governor, type Standing } from './governor.ts';
import type { Power } from './readPower.ts';

const night = { from: 1320, to: 420 };

/** A governor over a machine that the test turns at. */
function governed(options: Partial<GovernorOptions>) {
  const machine = { minute: 0, residentBytes: 100, power: { kind: 'mains' } as Power };
  const changes: Standing[] = [];
  let ring = (): void => {};
  const governing = governor({ hours: [], minBatteryPercent: undefined, maxMemoryBytes: undefined, ...options })({
    clock: {
      nowMs: () => 0,
      alarm(_, next) {
        ring = next;
        return () => {
          ring = () => {};
        };
      },
    },
    minuteOfDay: () => machine.minute,
    residentBytes: () => machine.residentBytes,
    readPower: async () => machine.power,
    onChange: (now) => changes.push(now),
  });
  return { governing, machine, changes, tick: () => ring() };
}

function errorOf(run: () => void): unknown {
  try {
    run();
    return undefined;
  } catch (error) {
    return error;
  }
}

test('without limits a worker always serves', () => {
  const { governing } = governed({});
  expect(governing.standing()).toEqual({ state: 'serving' });
  governing.check();
});

test('outside of its hours it rests until they begin, and tells when that changes', async () => {
  const { governing, machine, changes } = governed({ hours: [night] });
  await governing.look();
  machine.minute = 420;
  await governing.look();
  await governing.look();
  const error = errorOf(() => governing.check());
  expect(error).toBeInstanceOf(KarmeshError);
  expect(error).toMatchObject({ code: 'WORKER_PAUSED', message: 'The worker rests outside of its hours.' });
  machine.minute = 1320;
  await governing.look();
  expect(changes).toEqual([
    {
      state: 'outside-hours',
      sentence: 'The worker rests outside of its hours.',
      facts: { minutes: 900 },
      retryAfterMs: 54_000_000,
    },
    { state: 'serving' },
  ]);
});

test('on battery it works from its least charge on, and not at one that cannot be read', async () => {
  const { governing, machine } = governed({ minBatteryPercent: 40 });
  const at = async (power: Power) => {
    machine.power = power;
    await governing.look();
    return governing.standing().state;
  };
  expect(await at({ kind: 'battery', percent: 40 })).toBe('serving');
  expect(await at({ kind: 'battery', percent: 39 })).toBe('on-battery');
  expect(await at({ kind: 'battery', percent: undefined })).toBe('on-battery');
  expect(await at({ kind: 'mains' })).toBe('serving');
});

test('over its memory it rests until some of it is free again', () => {
  const { governing, machine } = governed({ maxMemoryBytes: 1_000 });
  const at = (residentBytes: number) => {
    machine.residentBytes = residentBytes;
    return governing.standing().state;
  };
  expect([at(1_000), at(1_001), at(1_000), at(951), at(950), at(1_000)]).toEqual([
    'serving',
    'over-memory',
    'over-memory',
    'over-memory',
    'serving',
    'serving',
  ]);
});

test('it looks by itself until it is disposed', async () => {
  const { governing, machine, changes, tick } = governed({ hours: [night] });
  machine.minute = 420;
  tick();
  await expect.poll(() => changes.map(({ state }) => state)).toEqual(['outside-hours']);
  governing[Symbol.dispose]();
  machine.minute = 0;
  tick();
  await governing.look();
  expect(changes.map(({ state }) => state)).toEqual(['outside-hours', 'serving']);
});
