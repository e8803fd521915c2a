import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readPower } from './readPower.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-power-'));
});
afterEach(() => rm(folder, { recursive: true }));

type Supply = Readonly<Record<string, string>>;

/** What is read from a folder as Linux has it. */
async function powerOf(supplies: Readonly<Record<string, Supply>>) {
  for (const [name, fields] of Object.entries(supplies)) {
    await mkdir(join(folder, name));
    for (const [field, value] of Object.entries(fields)) await writeFile(join(folder, name, field), `${value}\n`);
  }
  return await readPower(folder);
}

const unplugged = { type: 'Mains', online: '0' };
const battery = { type: 'Battery', status: 'Discharging', capacity: '63' };

test('a machine without a battery runs on mains, and so does one whose supplies cannot be listed', async () => {
  expect(await powerOf({})).toEqual({ kind: 'mains' });
  expect(await readPower(join(folder, 'absent'))).toEqual({ kind: 'mains' });
});

test('a laptop that is plugged in runs on mains, whatever its battery does', async () => {
  expect(await powerOf({ AC: { type: 'Mains', online: '1' }, BAT0: battery })).toEqual({ kind: 'mains' });
});

test('one that is not runs on what its batteries hold on average', async () => {
  expect(
    await powerOf({ AC: unplugged, BAT0: battery, BAT1: { ...battery, status: 'Unknown', capacity: '21' } }),
  ).toEqual({
    kind: 'battery',
    percent: 42,
  });
});

test('the battery of a mouse is not the machine’s, and one that charges feeds nothing', async () => {
  const mouse = { ...battery, scope: 'Device', capacity: '3' };
  expect(await powerOf({ hidpp_battery_0: mouse, BAT0: { ...battery, status: 'Charging' } })).toEqual({
    kind: 'mains',
  });
});

test.each(['', 'abc', '-4', '101', '4e1', '9999999999', '5\n6'])('a charge of %j is none', async (capacity) => {
  expect(await powerOf({ AC: unplugged, BAT0: { ...battery, capacity } })).toEqual({
    kind: 'battery',
    percent: undefined,
  });
});
