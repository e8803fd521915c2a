import { KarmeshError } from '@karmesh/sdk/errors';
import { LANES, startsWithin } from '@karmesh/sdk/protocol';
import { laneQueue, type Place } from '../../../web/gateway/scheduler/laneQueue.ts';

/** Of 100 requests, how many ask for each lane. */
const SHARES = [4, 6, 10, 15, 25, 40] as const;
const MAX_WAITING = 600;

export type Waits = {
  /** In starts, by lane. */
  readonly byLane: readonly (readonly number[])[];
  /** The wait that came nearest to its bound (L-05), of Bronze. */
  readonly tightest: { readonly waited: number; readonly bound: number };
};

/** Four requests come for each that can start. Time is counted in starts: one runs at a time, and each ends after the next four have come. */
export function overload(options: { readonly starts: number; readonly hasLanes: boolean }): Waits {
  const byLane: number[][] = LANES.map(() => []);
  const entered = new Map<bigint, { readonly class: number; readonly at: number; readonly bound: number }>();
  let tightest = { waited: 0, bound: 1 };
  let now = 0;
  let running = 0n;
  const queue = laneQueue({ maxRunning: 1, maxWaiting: MAX_WAITING })({
    nowMs: () => now,
    onEvent: ({ kind, ticket }) => {
      if (kind !== 'start') return;
      now += 1;
      running = ticket;
      const asked = entered.get(ticket);
      if (asked === undefined) return;
      const waited = now - asked.at;
      byLane[asked.class]?.push(waited);
      const isTighter = asked.class === LANES.length - 1 && waited * tightest.bound > tightest.waited * asked.bound;
      if (isTighter) tightest = { waited, bound: asked.bound };
    },
  });
  const places = new Map<bigint, Place>();
  const { signal } = new AbortController();
  let ticket = 0n;
  let state = 1;
  const arrive = (): void => {
    ticket += 1n;
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    const asked = laneAt((state >>> 8) % 100);
    const lane = options.hasLanes ? asked : LANES.length - 1;
    const bound = startsWithin({ lane, before: queue.waitingByLane[lane] ?? 0 });
    entered.set(ticket, { class: asked, at: now, bound });
    try {
      places.set(ticket, queue.enter({ ticket, lane, account: 'a', signal }));
    } catch (cause) {
      if (!(cause instanceof KarmeshError) || cause.code !== 'QUEUE_FULL') throw cause;
      entered.delete(ticket);
    }
  };
  while (now < options.starts) {
    for (let i = 0; i < 4; i++) arrive();
    const ended = running;
    places.get(ended)?.[Symbol.dispose]();
    places.delete(ended);
    entered.delete(ended);
  }
  return { byLane, tightest };
}

function laneAt(percent: number): number {
  let sum = 0;
  return SHARES.findIndex((share) => {
    sum += share;
    return percent < sum;
  });
}
