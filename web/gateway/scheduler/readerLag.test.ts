import { expect, test } from 'vitest';
import { manualClock } from './fixtures/manualClock.ts';
import { readerLag } from './readerLag.ts';

function reader() {
  const clock = manualClock();
  const behind: number[] = [];
  const lag = readerLag({ mostTokens: 10, mostMs: 5_000 })({ clock, onBehind: () => behind.push(clock.nowMs()) });
  return { clock, behind, lag };
}

test('who takes what is said is not behind, however much is said at once', async () => {
  const { behind, clock, lag } = reader();
  for (let tokens = 1_000; tokens <= 5_000; tokens += 1_000) {
    lag.said(tokens);
    await clock.pass(4_999);
    lag.took(tokens);
  }
  lag[Symbol.dispose]();
  expect(behind).toEqual([]);
});

test('who leaves more than so many tokens is behind with the next that is said, and that is told once', () => {
  const { behind, lag } = reader();
  for (const tokens of [10, 11]) lag.said(tokens);
  expect(behind).toEqual([]);
  for (const tokens of [12, 13]) lag.said(tokens);
  expect(behind).toEqual([1_000_000]);
});

test('who leaves anything for too long is behind, though it took what came before', async () => {
  const { behind, clock, lag } = reader();
  lag.said(1);
  lag.said(2);
  await clock.pass(3_000);
  lag.took(1);
  await clock.pass(4_999);
  expect(behind).toEqual([]);
  await clock.pass(1);
  expect(behind).toEqual([1_008_000]);
});
