import { KarmeshError } from '@karmesh/sdk/errors';
import { hash, type LogEvent } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { unfinishedDispatches } from '../store/dispatches.ts';
import { lastTicket } from '../store/tickets.ts';
import { question, testMarket } from './fixtures/testMarket.ts';
import type { QueueLog } from './queueRecorder.ts';

test('G-13: while the log takes nothing no ticket is issued, and the next one has the next number', async () => {
  await using market = await testMarket({ workers: 3 });
  const events: LogEvent[] = [];
  let isFull = true;
  const queueLog: QueueLog = {
    admit() {
      if (isFull) throw new KarmeshError('STORE_UNREACHABLE', 'The log cannot be written to.');
    },
    append: (event) => events.push(event),
    flushed: async () => {},
    tagOf: hash,
    lastTicketNumber: 6n,
  };
  await using scheduler = await market.open({}, { queueLog });
  await expect(market.collect(scheduler, question('quorum'))).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
  expect([events, scheduler.running, scheduler.waiting]).toEqual([[], 0, 0]);
  isFull = false;
  await market.collect(scheduler, question('quorum'));
  expect(events.map(({ kind }) => kind)).toEqual(['enter', 'start', 'leave']);
  expect((await lastTicket(market.database.db))?.value.ticketNumber).toBe(7n);
});

test('G-13: no worker reads a ticket before the log has it on disk', async () => {
  await using market = await testMarket({ workers: 3 });
  const onDisk = Promise.withResolvers<void>();
  const queueLog: QueueLog = {
    admit: () => {},
    append: () => {},
    flushed: () => onDisk.promise,
    tagOf: hash,
    lastTicketNumber: 0n,
  };
  const read: number[] = [];
  for (const [place, worker] of market.workers.entries()) void worker.nextDispatch().then(() => read.push(place));
  await using scheduler = await market.open({}, { queueLog });
  const answered = market.collect(scheduler, question('quorum'));
  await expect.poll(() => lastTicket(market.database.db)).toBeDefined();
  expect(read).toEqual([]);
  onDisk.resolve();
  await answered;
  expect(read.sort()).toEqual([0, 1, 2]);
});

test('G-13: a request whose time is up is not kept waiting by a log that cannot be written', async () => {
  await using market = await testMarket({ workers: 3 });
  const queueLog: QueueLog = {
    admit: () => {},
    append: () => {},
    flushed: () => new Promise(() => {}),
    tagOf: hash,
    lastTicketNumber: 0n,
  };
  const read: number[] = [];
  for (const [place, worker] of market.workers.entries()) void worker.nextDispatch().then(() => read.push(place));
  const late = new AbortController();
  await using scheduler = await market.open({}, { queueLog });
  const answered = market.collect(scheduler, question('quorum'), late.signal);
  const refused = expect(answered).rejects.toMatchObject({ code: 'WORKER_TIMEOUT' });
  await expect.poll(() => unfinishedDispatches(market.database.db)).toHaveLength(1);
  late.abort(new KarmeshError('WORKER_TIMEOUT', 'The time of the request is up.'));
  await refused;
  await expect.poll(() => unfinishedDispatches(market.database.db)).toHaveLength(0);
  expect(read).toEqual([]);
});
