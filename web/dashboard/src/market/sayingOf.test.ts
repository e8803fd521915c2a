import { expect, test } from 'vitest';
import { sayingOf } from './sayingOf.ts';

const health = { state: 'serving', active: 0, waiting: 0, maxActive: 4, milliTokensPerSecond: 0n };

test('tells load and pace as the worker’s own word', () => {
  expect([
    sayingOf(health),
    sayingOf({ ...health, active: 3, milliTokensPerSecond: 7_250n }),
    sayingOf({ ...health, active: 4, waiting: 2, milliTokensPerSecond: 41_600n }),
  ]).toEqual([
    'By its own word it runs 0 of at most 4 requests.',
    'By its own word it runs 3 of at most 4 requests, and gives each 7.3 tokens a second.',
    'By its own word it runs 4 of at most 4 requests, 2 more wait, and gives each 42 tokens a second.',
  ]);
});

test('tells which limit keeps it from working', () => {
  expect(sayingOf({ ...health, state: 'outside-hours' })).toBe('By its own word it rests outside of its hours.');
  expect(sayingOf({ ...health, state: 'on-battery' })).toBe(
    'By its own word it rests until its machine has more power.',
  );
  expect(sayingOf({ ...health, state: 'over-memory' })).toBe('By its own word it rests until it uses less memory.');
});
