import { expect, test } from 'vitest';
import { byMinute } from './byMinute.ts';

const sample = (atMs: number, count: number) => ({
  atMs,
  mostWaiting: count,
  mostRunning: 1,
  agreed: count,
  failed: 1,
});

test('puts samples together by minute, the newest first', () => {
  const history = [sample(35_000, 7), sample(40_000, 1), sample(90_000, 3), sample(100_000, 2)];
  expect(byMinute(history)).toEqual([
    { minutesAgo: 0, mostWaiting: 3, mostRunning: 1, agreed: 5, failed: 2 },
    { minutesAgo: 1, mostWaiting: 7, mostRunning: 1, agreed: 8, failed: 2 },
  ]);
  expect(byMinute([])).toEqual([]);
});
