import { expect, test } from 'vitest';
import { streamLimit } from './streamLimit.ts';

test('bounds streams of one peer and of all, and counts leaving once', () => {
  const limit = streamLimit({ maxInAll: 3, maxPerPeer: 2 });
  const first = limit.enter('a');
  expect([limit.enter('a') !== undefined, limit.enter('a'), limit.open]).toEqual([true, undefined, 2]);
  expect([limit.enter('b') !== undefined, limit.enter('c'), limit.open]).toEqual([true, undefined, 3]);
  first?.();
  first?.();
  expect([limit.open, limit.enter('c') !== undefined, limit.enter('a')]).toEqual([2, true, undefined]);
});
