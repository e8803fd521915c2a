import { expect, test } from 'vitest';
import { nearestName } from './nearestName.ts';

test.each([
  ['wroker', ['validator', 'worker'], 'worker'],
  ['start', ['stop', 'start'], 'start'],
  ['strat', ['status', 'start'], 'start'],
  ['karam show', ['karma show', 'receipt fetch'], 'karma show'],
  ['--bnd', ['--bond', '--owner'], '--bond'],
  ['devnt', ['localnet', 'devnet'], 'devnet'],
  ['frobnicate', ['ask', 'worker', 'register'], undefined],
  ['x', ['up', 'ask'], undefined],
  ['', ['up'], undefined],
  ['ask', [], undefined],
])('%s among %j is near to %s', (typed, known, nearest) => {
  expect(nearestName(typed, known)).toBe(nearest);
});
