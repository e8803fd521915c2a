import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { idl } from '@karmesh/sdk/program';
import { expect, test } from 'vitest';
import { everyInstruction } from './everyInstruction.ts';
import { compareUnits } from './units/compareUnits.ts';
import { unitMeter } from './units/unitMeter.ts';

const FILE = join(import.meta.dirname, '..', '..', 'programs', 'karma', 'compute-units.json');

const TOLERANCE = { units: 50, percent: 3 };

// UPDATE_COMPUTE_UNITS=1 writes the table anew after a change of the program.
test('every instruction takes the compute units of compute-units.json, give or take 50 or 3 %', async () => {
  const meter = unitMeter();
  await everyInstruction(meter.on);

  const names = idl.instructions.map(({ name }) => name);
  const measured = meter.table(names);
  expect(Object.keys(measured)).toEqual(names);
  if (process.env.UPDATE_COMPUTE_UNITS === '1') await writeFile(FILE, `${JSON.stringify(measured, null, 2)}\n`);
  expect(compareUnits({ table: JSON.parse(await readFile(FILE, 'utf8')), measured }, TOLERANCE)).toEqual([]);
});
