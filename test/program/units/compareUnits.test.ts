import { expect, test } from 'vitest';
import { compareUnits } from './compareUnits.ts';

const table = { claim: { 'depth 0': 1_000, 'depth 20': 10_000 }, start: { worst: 259 } };
const tolerance = { units: 50, percent: 3 };

test('numbers within 50 units or 3 % of the table pass, whichever is more', () => {
  const measured = { claim: { 'depth 0': 1_050, 'depth 20': 9_700 }, start: { worst: 209 } };
  expect(compareUnits({ table, measured }, tolerance)).toEqual([]);
});

test('what costs more, what costs less, what is missing and what is new is named', () => {
  const measured = { claim: { 'depth 0': 949, 'depth 20': 10_301 }, stop: { worst: 1 } };
  expect(compareUnits({ table, measured }, tolerance)).toEqual([
    'claim (depth 0) takes only 949 compute units, 1000 in the table: keep the gain by UPDATE_COMPUTE_UNITS=1.',
    'claim (depth 20) takes 10301 compute units, 10000 in the table.',
    'start (worst) is in the table and was not measured.',
    'stop (worst) is not in the table: add it by UPDATE_COMPUTE_UNITS=1.',
  ]);
});
