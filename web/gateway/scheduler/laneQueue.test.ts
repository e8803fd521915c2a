import { type LaneEvent, laneOrder } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { type LaneQueueOptions, laneQueue } from './laneQueue.ts';

/** A queue whose tickets number themselves, a clock for it, and what it told. */
function testQueue(options: LaneQueueOptions) {
  const clock = { nowMs: 5_000 };
  const events: LaneEvent[] = [];
  const queue = laneQueue(options)({ nowMs: () => clock.nowMs, onEvent: (event) => events.push(event) });
  let ticket = 0n;
  const enter = (place: { lane?: number; account?: string; signal?: AbortSignal } = {}) => {
    ticket += 1n;
    return queue.enter({ lane: 5, account: 'a', signal: new AbortController().signal, ticket, ...place });
  };
  return { queue, clock, events, enter };
}

test('runs up to its bound, lets others wait in order, and refuses more', async () => {
  const { queue, clock, enter } = testQueue({ maxRunning: 1, maxWaiting: 2 });
  const order: string[] = [];
  const first = enter();
  await first.turn;
  const second = enter();
  const third = enter();
  const turns = Promise.all([second.turn.then(() => order.push('second')), third.turn.then(() => order.push('third'))]);
  expect(() => enter()).toThrowError(
    expect.objectContaining({
      code: 'QUEUE_FULL',
      message: 'The market has more requests than it can queue. Try again in a moment.',
      facts: { lane: 'bronze', running: 1, waiting: 2, waitingInLane: 2, retryAfterMs: 3_000 },
    }),
  );
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  await second.turn;
  expect([queue.running, queue.waiting]).toEqual([1, 1]);
  const fourth = enter();
  // The first took no time at all, so that the next try may come at once.
  expect(() => queue.admit({ lane: 5, account: 'a' })).toThrowError(
    expect.objectContaining({ facts: expect.objectContaining({ retryAfterMs: 0 }) }),
  );
  fourth[Symbol.dispose]();
  clock.nowMs += 600;
  second[Symbol.dispose]();
  await turns;
  const others = [enter(), enter()];
  // A fifth of 600 ms, for each of the three turns before it.
  expect(() => queue.admit({ lane: 5, account: 'a' })).toThrowError(
    expect.objectContaining({ facts: expect.objectContaining({ retryAfterMs: 360 }) }),
  );
  for (const each of others) each[Symbol.dispose]();
  third[Symbol.dispose]();
  expect(order).toEqual(['second', 'third']);
  expect([queue.running, queue.waiting]).toEqual([0, 0]);
});

test('a waiter that gives up or is disposed leaves the queue and takes no place', async () => {
  const { queue, enter, events } = testQueue({ maxRunning: 1, maxWaiting: 1 });
  const first = enter();
  const controller = new AbortController();
  const aborted = enter({ signal: controller.signal });
  controller.abort();
  await expect(aborted.turn).rejects.toMatchObject({ code: 'ABORTED' });
  aborted[Symbol.dispose]();
  const disposed = enter();
  disposed[Symbol.dispose]();
  await expect(disposed.turn).rejects.toMatchObject({ code: 'ABORTED' });
  expect([queue.running, queue.waiting]).toEqual([1, 0]);
  first[Symbol.dispose]();
  expect(queue.running).toBe(0);
  const told = events.length;
  expect(() => enter({ signal: controller.signal })).toThrowError(expect.objectContaining({ code: 'ABORTED' }));
  expect(events.length).toBe(told);
});

test('L-03: a dearer lane starts sooner, a cheaper one starts all the same', async () => {
  const { queue, enter, events } = testQueue({ maxRunning: 1, maxWaiting: 120 });
  const running = enter();
  const bronze = Array.from({ length: 3 }, () => enter());
  const master = Array.from({ length: 40 }, () => enter({ lane: 0 }));
  expect(queue.waitingByLane).toEqual([40, 0, 0, 0, 0, 3]);
  running[Symbol.dispose]();
  for (const place of master) place[Symbol.dispose]();
  const started = events.flatMap(({ kind, lane }) => (kind === 'start' ? [lane] : []));
  expect(started.slice(0, 5)).toEqual([5, 0, 0, 0, 0]);
  expect(started.indexOf(5, 1)).toBe(33);
  for (const place of bronze) place[Symbol.dispose]();
  expect([queue.running, queue.waiting]).toEqual([0, 0]);
});

test('L-02: what it tells is what decides who starts: replayed, every start is the order’s next', () => {
  const { queue, enter, events } = testQueue({ maxRunning: 3, maxWaiting: 60 });
  const places = new Set<Disposable>();
  for (let i = 0; i < 500; i++) {
    try {
      places.add(enter({ lane: (i * 7) % 6, account: `${(i * i) % 5}` }));
    } catch (cause) {
      expect(cause).toMatchObject({ code: 'QUEUE_FULL' });
    }
    const gone = [...places][(i * 13) % Math.max(1, places.size)];
    if (i % 3 === 0 || gone === undefined) continue;
    places.delete(gone);
    gone[Symbol.dispose]();
  }
  for (const place of places) place[Symbol.dispose]();
  const order = laneOrder();
  for (const { kind, ...ticket } of events) {
    if (kind === 'enter') order.enter(ticket);
    else expect(kind === 'start' ? order.start() : order.leave(ticket.ticket)).toEqual(ticket);
  }
  expect([order.waiting, queue.waiting, queue.running]).toEqual([0, 0, 0]);
  expect(new Set(events.map(({ kind }) => kind)).size).toBe(3);
});

test('a flood in one lane leaves every other one its places, and all together keep to the bound', () => {
  const { queue, enter } = testQueue({ maxRunning: 1, maxWaiting: 24 });
  const refused = expect.objectContaining({ code: 'QUEUE_FULL' });
  enter();
  // Two places are kept for each of the other five lanes.
  for (let i = 0; i < 14; i++) enter({ lane: 5 });
  expect(() => enter({ lane: 5 })).toThrowError(refused);
  for (const lane of [0, 1, 2, 3, 4]) {
    enter({ lane });
    enter({ lane });
    expect(() => enter({ lane })).toThrowError(refused);
  }
  expect(queue.waitingByLane).toEqual([2, 2, 2, 2, 2, 14]);
});

test('who is refused is told a time that is right for its lane', () => {
  const { queue, enter } = testQueue({ maxRunning: 2, maxWaiting: 24 });
  enter();
  enter();
  for (let i = 0; i < 14; i++) enter({ lane: 5 });
  for (let i = 0; i < 2; i++) enter({ lane: 0 });
  const retry = (lane: number): unknown => {
    try {
      queue.admit({ lane, account: 'a' });
    } catch (cause) {
      return cause;
    }
    return undefined;
  };
  // Of Master three starts of its own and one of Bronze; of Bronze all seventeen; two run at once, each for a second as far as is known.
  expect(retry(0)).toMatchObject({ facts: { lane: 'master', waitingInLane: 2, retryAfterMs: 2_000 } });
  expect(retry(5)).toMatchObject({ facts: { lane: 'bronze', waitingInLane: 14, retryAfterMs: 8_500 } });
  expect(retry(3)).toBeUndefined();
  expect(() => queue.admit({ lane: 6, account: 'a' })).toThrowError('There is no such lane.');
});

test('an account has its share of the waiting places, in all lanes together, and gets one back when one of its own starts or leaves', () => {
  const { queue, enter } = testQueue({ maxRunning: 1, maxWaiting: 12, maxWaitingPerAccount: 2 });
  const running = enter();
  const [waiting] = [enter(), enter({ lane: 0 })];
  expect(() => enter()).toThrowError(
    expect.objectContaining({
      code: 'QUEUE_SHARE_FULL',
      message: 'This account has as many requests waiting as one may have.',
      facts: { waitingOfAccount: 2, retryAfterMs: 3_000 },
    }),
  );
  enter({ account: 'b' });
  expect([queue.waiting, queue.waitingUpTo(1), queue.waitingUpTo(2)]).toEqual([3, 2, 3]);
  waiting?.[Symbol.dispose]();
  enter();
  expect(() => enter()).toThrowError(expect.objectContaining({ code: 'QUEUE_SHARE_FULL' }));
  running[Symbol.dispose]();
  enter();
  expect(queue.waitingUpTo(9)).toBe(queue.waiting);
});
