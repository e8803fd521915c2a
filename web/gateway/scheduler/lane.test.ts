import { expect, test } from 'vitest';
import { lane } from './lane.ts';

test('runs up to its bound, lets others wait in order, and refuses more', async () => {
  const { signal } = new AbortController();
  let nowMs = 5_000;
  const queue = lane({ maxRunning: 1, maxWaiting: 2 })({ nowMs: () => nowMs });
  const order: string[] = [];
  const first = queue.enter({ signal });
  await first.turn;
  const second = queue.enter({ signal });
  const third = queue.enter({ signal });
  const turns = Promise.all([second.turn.then(() => order.push('second')), third.turn.then(() => order.push('third'))]);
  expect(() => queue.enter({ signal })).toThrowError(
    expect.objectContaining({ code: 'QUEUE_FULL', facts: { running: 1, waiting: 2, retryAfterMs: 3_000 } }),
  );
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  await second.turn;
  expect([queue.running, queue.waiting]).toEqual([1, 1]);
  const fourth = queue.enter({ signal });
  // The first took no time at all, so that the next try may come at once.
  expect(() => queue.enter({ signal })).toThrowError(
    expect.objectContaining({ facts: { running: 1, waiting: 2, retryAfterMs: 0 } }),
  );
  fourth[Symbol.dispose]();
  nowMs += 600;
  second[Symbol.dispose]();
  await turns;
  const others = [queue.enter({ signal }), queue.enter({ signal })];
  // A fifth of 600 ms, for each of the three turns before it.
  expect(() => queue.enter({ signal })).toThrowError(
    expect.objectContaining({ facts: { running: 1, waiting: 2, retryAfterMs: 360 } }),
  );
  for (const each of others) {
    each.turn.catch(() => {});
    each[Symbol.dispose]();
  }
  third[Symbol.dispose]();
  expect(order).toEqual(['second', 'third']);
  expect([queue.running, queue.waiting]).toEqual([0, 0]);
});

test('a waiter that gives up or is disposed leaves the queue and takes no place', async () => {
  const queue = lane({ maxRunning: 1, maxWaiting: 1 })({ nowMs: () => 0 });
  const first = queue.enter({ signal: new AbortController().signal });
  const controller = new AbortController();
  const aborted = queue.enter({ signal: controller.signal });
  controller.abort();
  await expect(aborted.turn).rejects.toMatchObject({ code: 'ABORTED' });
  aborted[Symbol.dispose]();
  const disposed = queue.enter({ signal: new AbortController().signal });
  disposed[Symbol.dispose]();
  await expect(disposed.turn).rejects.toMatchObject({ code: 'ABORTED' });
  expect([queue.running, queue.waiting]).toEqual([1, 0]);
  first[Symbol.dispose]();
  expect(queue.running).toBe(0);
  expect(() => queue.enter({ signal: controller.signal })).toThrowError(expect.objectContaining({ code: 'ABORTED' }));
});
