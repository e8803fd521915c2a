import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { slotTimer } from './slotTimer.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

test('keeps its pace through late ticks, and does not catch up after a pause', async () => {
  const at: number[] = [];
  const start = performance.now();
  let takes = 0;
  await using timer = slotTimer({ slotMs: 100 })({
    now: () => performance.now(),
    log: { error: () => {} },
    advance: async () => {
      at.push(performance.now() - start);
      if (takes > 0) await new Promise((resolve) => setTimeout(resolve, takes));
    },
  });
  await vi.advanceTimersByTimeAsync(200);
  takes = 30;
  await vi.advanceTimersByTimeAsync(200);
  takes = 350;
  await vi.advanceTimersByTimeAsync(100);
  takes = 0;
  await vi.advanceTimersByTimeAsync(500);
  // A timer of 0 ms fires after one.
  expect(at).toEqual([100, 200, 300, 400, 500, 851, 950]);
  await timer[Symbol.asyncDispose]();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(at).toHaveLength(7);
});

test('says once that slots fail, and goes on when they no longer do', async () => {
  const errors: unknown[] = [];
  let fails = true;
  let ended = 0;
  await using _timer = slotTimer({ slotMs: 10 })({
    now: () => performance.now(),
    log: { error: (facts: unknown) => errors.push(facts) },
    advance: async () => {
      if (fails) throw new Error('full');
      ended += 1;
    },
  });
  await vi.advanceTimersByTimeAsync(50);
  fails = false;
  await vi.advanceTimersByTimeAsync(50);
  expect(errors).toEqual([{ err: new Error('full') }]);
  expect(ended).toBe(5);
});
