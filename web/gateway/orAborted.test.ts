import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { orAborted } from './orAborted.ts';

const never = new Promise<void>(() => {});

test('waits for the task, and throws what it throws', async () => {
  const { signal } = new AbortController();
  const { promise, resolve } = Promise.withResolvers<void>();
  let isOver = false;
  const waiting = orAborted(promise, signal).then(() => {
    isOver = true;
  });
  await new Promise((turn) => setImmediate(turn));
  expect(isOver).toBe(false);
  resolve();
  await waiting;
  await orAborted(undefined, signal);
  await expect(orAborted(Promise.reject(new Error('broken')), signal)).rejects.toThrow('broken');
});

test('waits no longer once the signal is aborted, before it or meanwhile', async () => {
  const controller = new AbortController();
  const waiting = orAborted(never, controller.signal);
  controller.abort();
  await waiting;
  await orAborted(never, controller.signal);
});

test('leaves nothing with a signal that outlives its tasks', async () => {
  const { signal } = new AbortController();
  for (let count = 0; count < 100; count++) {
    await orAborted(Promise.resolve(), signal);
    await orAborted(Promise.reject(new Error('broken')), signal).catch(() => undefined);
  }
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});
