import { describe, expect, test } from 'vitest';
import { slowLaneOrder } from './fixtures/slowLaneOrder.ts';
import { type LaneOrder, laneOrder, startsWithin } from './laneOrder.ts';
import { LANES } from './lanes.ts';

/** Mulberry32: whole numbers from 0 up to a bound, the same for the same seed. */
function randomFrom(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0;
    let word = Math.imul(state ^ (state >>> 15), 1 | state);
    word = (word + Math.imul(word ^ (word >>> 7), 61 | word)) ^ word;
    return ((word ^ (word >>> 14)) >>> 0) % bound;
  };
}

/** An order whose lanes hold so many tickets of one account each. */
function filled(order: LaneOrder, counts: readonly number[], from = 1n): bigint {
  let ticket = from;
  for (const [lane, count] of counts.entries())
    for (let i = 0; i < count; i++) order.enter({ ticket: ticket++, lane, account: 'a' });
  return ticket;
}

const startedLanes = (order: LaneOrder, count: number): number[] =>
  Array.from({ length: count }, () => order.start()?.lane ?? -1);

const shares = (lanes: readonly number[]): number[] =>
  LANES.map((_, number) => lanes.filter((lane) => lane === number).length);

test('an order that nobody waits in has no next', () => {
  const order = laneOrder();
  expect([order.next(), order.start(), order.leave(1n), order.has(1n)]).toEqual([
    undefined,
    undefined,
    undefined,
    false,
  ]);
  expect([order.newest, order.waiting, order.waitingByLane]).toEqual([undefined, 0, [0, 0, 0, 0, 0, 0]]);
});

test('L-02: tickets enter in the order of their numbers, into lanes that exist', () => {
  const order = laneOrder();
  order.enter({ ticket: 7n, lane: 5, account: 'a' });
  for (const ticket of [7n, 6n])
    expect(() => order.enter({ ticket, lane: 5, account: 'a' })).toThrowError(
      expect.objectContaining({
        code: 'BAD_ARGUMENT',
        message: 'Tickets enter in the order of their numbers.',
        facts: { ticket, newest: 7n },
      }),
    );
  for (const lane of [-1, 6])
    expect(() => order.enter({ ticket: 8n, lane, account: 'a' })).toThrowError(
      expect.objectContaining({ code: 'BAD_ARGUMENT', message: 'There is no such lane.', facts: { lane, lanes: 6 } }),
    );
  order.start();
  expect(() => order.enter({ ticket: 7n, lane: 5, account: 'a' })).toThrowError(
    expect.objectContaining({ code: 'BAD_ARGUMENT' }),
  );
  expect([order.newest, order.waiting]).toEqual([7n, 0]);
});

test('L-03: while every lane waits, any 63 starts in a row are shared by weight', () => {
  const order = laneOrder();
  filled(order, [700, 700, 700, 700, 700, 700]);
  const lanes = startedLanes(order, 630);
  for (let from = 0; from + 63 <= lanes.length; from++)
    expect(shares(lanes.slice(from, from + 63))).toEqual([32, 16, 8, 4, 2, 1]);
});

test('L-03: lanes that wait share by weight what the others leave', () => {
  const order = laneOrder();
  filled(order, [0, 0, 0, 200, 0, 200]);
  expect(shares(startedLanes(order, 100))).toEqual([0, 0, 0, 80, 0, 20]);
});

test('L-03: a lane that was empty has saved nothing up, and one that was alone is not behind for it', () => {
  const order = laneOrder();
  const next = filled(order, [0, 0, 0, 0, 0, 1_100]);
  startedLanes(order, 1_000);
  filled(order, [200, 200, 0, 0, 200, 0], next);
  expect(shares(startedLanes(order, 102))).toEqual([64, 32, 0, 0, 4, 2]);
});

test('L-03: who leaves and comes again is not sooner for it', () => {
  const order = laneOrder();
  let ticket = filled(order, [200, 0, 0, 0, 1, 0]);
  startedLanes(order, 2);
  expect(order.waitingByLane).toEqual([199, 0, 0, 0, 0, 0]);
  const lanes: number[] = [];
  for (let i = 0; i < 32; i++) {
    order.enter({ ticket, lane: 4, account: 'a' });
    lanes.push(order.start()?.lane ?? -1);
    order.leave(ticket);
    ticket += 1n;
  }
  expect(shares(lanes)).toEqual([31, 0, 0, 0, 1, 0]);
});

test('L-04: accounts of a lane take turns, whatever each has waiting; each is served in order of arrival', () => {
  const order = laneOrder();
  for (let ticket = 1n; ticket <= 6n; ticket++) order.enter({ ticket, lane: 2, account: 'greedy' });
  order.enter({ ticket: 7n, lane: 2, account: 'b' });
  order.enter({ ticket: 8n, lane: 2, account: 'c' });
  order.enter({ ticket: 9n, lane: 2, account: 'b' });
  order.leave(2n);
  expect(order.next()).toEqual({ ticket: 1n, lane: 2, account: 'greedy' });
  expect(Array.from({ length: 9 }, () => order.start()?.ticket)).toEqual([1n, 7n, 8n, 3n, 9n, 4n, 5n, 6n, undefined]);
});

test('L-04: between accounts that always wait the starts differ by one at most', () => {
  const order = laneOrder();
  const random = randomFrom(4);
  const accounts = Array.from({ length: 9 }, (_, i) => `account ${i}`);
  const starts = new Map(accounts.map((account) => [account, 0]));
  let ticket = 0n;
  const add = (account: string): void => order.enter({ ticket: ++ticket, lane: 3, account });
  for (const account of accounts) for (let i = 0; i <= random(30); i++) add(account);
  for (let i = 0; i < 5_000; i++) {
    if (random(3) === 0) add(`passer-by ${i}`);
    const account = order.start()?.account ?? '';
    if (!starts.has(account)) continue;
    // What ended is followed by more, before it could be missed: nobody here is ever without a ticket.
    for (let more = 0; more <= random(3); more++) add(account);
    starts.set(account, (starts.get(account) ?? 0) + 1);
    const counts = [...starts.values()];
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
  }
  expect(Math.min(...starts.values())).toBeGreaterThan(100);
});

test('L-03, L-04: 2,500 random courses go as the slow model says, and the same course goes the same way again', () => {
  let starts = 0;
  for (let seed = 1; seed <= 2_500; seed++) {
    const random = randomFrom(seed);
    const orders = [laneOrder(), laneOrder()];
    const slow = slowLaneOrder();
    const expected: unknown[] = [];
    const seen: readonly unknown[][] = orders.map(() => []);
    const note = (of: (order: LaneOrder) => unknown): void => {
      for (const [i, order] of orders.entries()) seen[i]?.push(of(order));
    };
    // Each course has a mood of its own: how many lanes and accounts, and what happens more often.
    const [lanes, accounts, enters, leaves] = [1 + random(6), 1 + random(5), 2 + random(8), random(4)];
    let ticket = 0n;
    for (let step = 0; step < 60; step++) {
      const draw = random(enters + leaves + 4);
      if (draw < enters) {
        ticket += BigInt(1 + random(2));
        const entry = { ticket, lane: random(lanes), account: `${random(accounts)}` };
        slow.enter(entry);
        for (const order of orders) order.enter(entry);
      } else if (draw < enters + leaves) {
        const waiting = slow.waiting();
        const gone = waiting[random(Math.max(1, waiting.length))];
        note((order) => [order.leave(gone?.ticket ?? 0n), order.has(gone?.ticket ?? 0n)]);
        expected.push([gone, false]);
        if (gone !== undefined) slow.leave(gone.ticket);
      } else {
        note((order) => order.start());
        const started = slow.start();
        expected.push(started);
        starts += started === undefined ? 0 : 1;
      }
      note((order) => [order.next(), order.waiting, order.waitingByLane]);
      const waiting = slow.waiting();
      expected.push([slow.next(), waiting.length, shares(waiting.map(({ lane }) => lane))]);
    }
    expect(seen).toEqual([expected, expected]);
  }
  expect(starts).toBeGreaterThan(30_000);
});

describe('L-05: the bound on starvation', () => {
  test('is the sum over all lanes', () => {
    const firsts = LANES.map((_, lane) => startsWithin({ lane, before: 0 }));
    expect(firsts).toEqual([6, 7, 10, 17, 32, 63]);
    expect([1, 2, 9].map((before) => startsWithin({ lane: 5, before }))).toEqual([126, 189, 630]);
    expect([1, 2, 31].map((before) => startsWithin({ lane: 0, before }))).toEqual([7, 9, 63]);
    expect(() => startsWithin({ lane: 6, before: 0 })).toThrowError(expect.objectContaining({ code: 'BAD_ARGUMENT' }));
  });

  test.each(LANES.map(({ name }, lane) => [name, lane] as const))('is reached in %s', (_, lane) => {
    for (const before of [0, 1, 2, 5, 31, 63, 100]) {
      const order = laneOrder();
      let ticket = filled(
        order,
        [7_000, 4_000, 2_000, 1_000, 500, 250].map((count, i) => (i === lane ? 1 : count)),
      );
      while (order.start()?.lane !== lane);
      for (let i = 0; i <= before; i++) order.enter({ ticket: ticket++, lane, account: 'a' });
      let starts = 1;
      while (order.start()?.ticket !== ticket - 1n) starts += 1;
      expect(starts).toBe(startsWithin({ lane, before }));
    }
  });

  test('is never exceeded, whoever comes and goes, and is met in every lane', () => {
    const tightest = LANES.map(() => 0);
    for (let seed = 1; seed <= 2_000; seed++) {
      const random = randomFrom(seed);
      const order = laneOrder();
      let ticket = 0n;
      // One account in a lane, so that whoever waits there comes before.
      const limits = new Map<bigint, { readonly lane: number; readonly limit: number; readonly from: number }>();
      const enter = (lane: number): void => {
        ticket += 1n;
        const before = order.waitingByLane[lane] ?? 0;
        order.enter({ ticket, lane, account: 'a' });
        limits.set(ticket, { lane, limit: startsWithin({ lane, before }), from: starts });
      };
      let starts = 0;
      // An enemy fills each lane as its chances have it, empties some to have them begin anew, and never lets the rest run dry.
      const chances = LANES.map(() => random(5));
      for (let step = 0; step < 300; step++) {
        for (const [lane, chance] of chances.entries())
          if ((order.waitingByLane[lane] === 0 && chance > 0) || random(6) < chance - 2) enter(lane);
        if (random(9) === 0) {
          const gone = [...limits.keys()][random(limits.size)] ?? 0n;
          order.leave(gone);
          limits.delete(gone);
        }
        if (random(200) === 0) chances[random(6)] = random(5);
        const started = order.start();
        if (started === undefined) continue;
        starts += 1;
        const { lane, limit, from } = limits.get(started.ticket) ?? { lane: 0, limit: 0, from: 0 };
        limits.delete(started.ticket);
        tightest[lane] = Math.max(tightest[lane] ?? 0, (starts - from) / limit);
      }
      expect([...limits.values()].filter(({ limit, from }) => starts - from >= limit)).toEqual([]);
    }
    expect(tightest).toEqual([1, 1, 1, 1, 1, 1]);
  });

  test('holds for each account of a lane, with as many turns before it as there are accounts', () => {
    let met = 0;
    for (let seed = 1; seed <= 500; seed++) {
      const random = randomFrom(seed);
      const order = laneOrder();
      const lane = random(6);
      const accounts = 2 + random(4);
      const own = random(4);
      let ticket = 0n;
      const enter = (each: number, account: string): bigint => {
        ticket += 1n;
        order.enter({ ticket, lane: each, account });
        return ticket;
      };
      const others = Array.from({ length: accounts - 1 }, (_, i) => `other ${i}`);
      const waiting = new Map(others.map((account) => [account, 0]));
      const refill = (): void => {
        for (const [each, count] of order.waitingByLane.entries()) if (each !== lane && count === 0) enter(each, 'a');
        for (const [account, count] of waiting) {
          if (count > 0) continue;
          enter(lane, account);
          waiting.set(account, 1);
        }
      };
      const start = () => {
        const started = order.start();
        if (started?.lane === lane && waiting.has(started.account))
          waiting.set(started.account, (waiting.get(started.account) ?? 0) - 1);
        refill();
        return started;
      };
      refill();
      for (let i = random(130); i > 0; i--) start();
      // Each run begins right after a start of the lane, where the wait is longest.
      while (start()?.lane !== lane);
      for (let i = 0; i < own; i++) enter(lane, 'victim');
      const victim = enter(lane, 'victim');
      let starts = 1;
      while (start()?.ticket !== victim) starts += 1;
      const limit = startsWithin({ lane, before: (own + 1) * accounts - 1 });
      expect(starts).toBeLessThanOrEqual(limit);
      met += starts === limit ? 1 : 0;
    }
    expect(met).toBeGreaterThan(50);
  });
});

test('a hundred thousand wait without a step growing long', () => {
  const order = laneOrder();
  const random = randomFrom(9);
  for (let ticket = 1n; ticket <= 100_000n; ticket++)
    order.enter({ ticket, lane: random(6), account: `${random(20_000)}` });
  for (let ticket = 1n; ticket <= 100_000n; ticket += 3n) order.leave(ticket);
  let starts = 0;
  while (order.start() !== undefined) starts += 1;
  expect(starts).toBe(66_666);
}, 20_000);
