import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { shutdown } from './shutdown.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function start(deadlineMs = 10_000) {
  const emitter = new EventEmitter();
  const exits: number[] = [];
  const host = Object.assign(emitter, { exit: (code: number) => void exits.push(code) });
  const errors: unknown[] = [];
  const log = { info: () => {}, error: (fields: unknown) => void errors.push(fields) };
  return { ...{ emitter, exits, errors }, parts: shutdown({ deadlineMs })({ log, host }) };
}

test('a signal stops the parts, the last added first, and exits with 0', async () => {
  const { emitter, exits, parts } = start();
  const order: string[] = [];
  parts.add('store', () => void order.push('store'));
  parts.add('host', async () => void order.push('host'));
  emitter.emit('SIGTERM');
  expect(parts.signal.aborted).toBe(true);
  expect(await parts.stopped).toBe(true);
  await vi.runAllTimersAsync();
  expect([order, exits]).toEqual([['host', 'store'], [0]]);
});

test('a part that fails does not keep the others from stopping, and the exit code is 1', async () => {
  const { emitter, exits, errors, parts } = start();
  const order: string[] = [];
  const cause = new Error('The disk is gone.');
  parts.add('store', () => void order.push('store'));
  parts.add('log', () => Promise.reject(cause));
  emitter.emit('SIGINT');
  expect(await parts.stopped).toBe(false);
  await vi.runAllTimersAsync();
  expect([order, exits, errors]).toEqual([['store'], [1], [{ err: cause, step: 'log' }]]);
});

test('a second signal ends the process at once', () => {
  const { emitter, exits, parts } = start();
  parts.add('slow', () => new Promise(() => {}));
  emitter.emit('SIGINT');
  emitter.emit('SIGINT');
  expect(exits).toEqual([130]);
});

test('parts that do not stop in time are named, and the exit code is 1', async () => {
  const { emitter, exits, errors, parts } = start(5_000);
  parts.add('first', () => {});
  parts.add('stuck', () => new Promise(() => {}));
  emitter.emit('SIGTERM');
  await vi.advanceTimersByTimeAsync(5_000);
  expect([exits, errors]).toEqual([[1], [{ deadlineMs: 5_000, left: ['first'] }]]);
});

test('stopping by call runs the steps once and does not exit', async () => {
  const { exits, parts } = start();
  let runs = 0;
  parts.add('once', () => {
    runs += 1;
  });
  expect(await Promise.all([parts.stop('done'), parts.stop('again')])).toEqual([true, true]);
  expect([runs, exits]).toEqual([1, []]);
});

test('disposing takes the listeners away', () => {
  const { emitter, parts } = start();
  parts[Symbol.dispose]();
  expect([emitter.listenerCount('SIGINT'), emitter.listenerCount('SIGTERM')]).toEqual([0, 0]);
});
