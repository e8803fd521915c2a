import type { Batch } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { named } from '../fixtures/market.ts';
import { bodyQueue } from './bodyQueue.ts';

const batchOf = (producer: string, sequence: number): Batch => ({
  producer: named(producer),
  sequence: BigInt(sequence),
  epoch: 5n,
  merkleRoot: named('root'),
  bodyHash: named('body'),
  count: 1,
  issuedAtMs: 1n,
});

/** A queue whose fetches end when the test says so. */
function controlled(maxPerProducer = 4) {
  const open: { readonly batch: Batch; end(isTaken: boolean): void }[] = [];
  const at = { nowMs: 0 };
  const queue = bodyQueue({ maxPerProducer })({
    nowMs: () => at.nowMs,
    take(batch) {
      const { promise, resolve } = Promise.withResolvers<boolean>();
      open.push({ batch, end: resolve });
      return promise;
    },
  });
  /** Ends the oldest fetch of a producer. */
  const end = async (producer: string, isTaken: boolean): Promise<void> => {
    const first = open.findIndex(({ batch }) => batch.producer.join() === named(producer).join());
    const [fetch] = open.splice(first, 1);
    fetch?.end(isTaken);
    await new Promise(setImmediate);
  };
  return { queue, open, at, end };
}

test('fetches one body at a time of each producer, so that one that withholds its bodies delays only itself', async () => {
  const { queue, open, end } = controlled();
  for (const sequence of [1, 2]) queue.add(batchOf('withholder', sequence));
  for (const sequence of [1, 2]) queue.add(batchOf('honest', sequence));
  expect(open.map(({ batch }) => batch.sequence)).toEqual([1n, 1n]);
  await end('honest', true);
  await end('honest', true);
  expect(open.map(({ batch }) => [batch.producer, batch.sequence])).toEqual([[named('withholder'), 1n]]);
  await end('withholder', false);
  await end('withholder', false);
  await queue.idle();
});

test('gives eight producers a turn at once and the ninth the next', async () => {
  const { queue, open, end } = controlled();
  const names = Array.from({ length: 9 }, (_, i) => `producer ${i}`);
  for (const name of names) for (const sequence of [1, 2]) queue.add(batchOf(name, sequence));
  expect(open).toHaveLength(8);
  await end('producer 0', true);
  expect(open).toHaveLength(8);
  expect(open.at(-1)?.batch).toEqual(batchOf('producer 8', 1));
  const disposed = queue[Symbol.asyncDispose]();
  while (open.length > 0) open.pop()?.end(true);
  await disposed;
  expect(open).toHaveLength(0);
});

test('has room for so many of one producer, whatever another holds, and again once they are over', () => {
  const { queue } = controlled(2);
  for (const sequence of [1, 2]) queue.add(batchOf('full', sequence));
  expect(queue.hasRoom(batchOf('full', 3))).toBe(false);
  expect(queue.hasRoom(batchOf('another', 3))).toBe(true);
  queue.retry(() => true);
  expect(queue.hasRoom(batchOf('full', 3))).toBe(true);
});

test('rests twice as long after each miss, at most eight seconds', async () => {
  const { queue, open, at, end } = controlled();
  queue.add(batchOf('late', 1));
  for (const rest of [500, 1000, 2000, 4000, 8000, 8000]) {
    await end('late', false);
    at.nowMs += rest - 1;
    queue.retry(() => false);
    expect(open).toHaveLength(0);
    at.nowMs += 1;
    queue.retry(() => false);
    expect(open).toHaveLength(1);
  }
  await end('late', true);
  at.nowMs += 60_000;
  queue.retry(() => false);
  expect(open).toHaveLength(0);
});

test('asks at once for all bodies of a producer that is back, and rests shortly again', async () => {
  const { queue, open, at, end } = controlled();
  for (const sequence of [1, 2]) queue.add(batchOf('gone', sequence));
  for (let miss = 0; miss < 8; miss++) {
    await end('gone', false);
    at.nowMs += 4000;
    queue.retry(() => false);
  }
  while (open.length > 0) await end('gone', false);
  queue.isBack(batchOf('gone', 1).producer);
  expect(open.map(({ batch }) => batch.sequence)).toHaveLength(1);
  await end('gone', true);
  expect(open).toHaveLength(1);
  await end('gone', false);
  at.nowMs += 500;
  queue.retry(() => false);
  expect(open).toHaveLength(1);
});
