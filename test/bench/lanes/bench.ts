import { LANES, laneOrder } from '@karmesh/sdk/protocol';
import { type BenchReport, type BenchRow, benchRow, loadNow, median } from '../report.ts';
import { overload } from './overload.ts';

const STARTS = 40_000;
const DEPTHS = [64, 1_000, 100_000] as const;
const STEPS = 20_000;
const ROUNDS = 5;

/** A gateway's queue under four times the load that it can serve, in starts and not in seconds; and what a step of the order costs beside a queue without lanes. */
export async function run({ talk }: { readonly talk: (line: string) => void }): Promise<BenchReport> {
  const before = loadNow();
  const lanes = overload({ starts: STARTS, hasLanes: true });
  const plain = overload({ starts: STARTS, hasLanes: false });
  for (const [lane, { name }] of LANES.entries()) {
    const [ours, others] = [lanes.byLane[lane] ?? [], plain.byLane[lane] ?? []];
    talk(
      `${name}: ${ours.length} started, p99 ${p99(ours)} starts; without lanes ${others.length} started, p99 ${p99(others)}.`,
    );
  }
  const rows: BenchRow[] = [
    benchRow({
      what: 'Master, p99 of the wait at 4x load',
      ours: p99(lanes.byLane[0] ?? []),
      rivalName: 'a queue without lanes',
      rival: p99(plain.byLane[0] ?? []),
      unit: 'starts',
      atMost: 0.1,
    }),
    benchRow({
      what: 'Bronze, the wait nearest to its bound',
      ours: lanes.tightest.waited,
      rivalName: 'the bound (L-05)',
      rival: lanes.tightest.bound,
      unit: 'starts',
      atMost: 1,
    }),
  ];
  for (const depth of DEPTHS)
    rows.push(
      benchRow({
        what: `enter and start with ${depth} waiting`,
        ours: rate(() => steadyLanes(depth)),
        rivalName: 'one array, first in first out',
        rival: rate(() => steadyArray(depth)),
        unit: 'per second',
      }),
    );
  return { bench: 'lanes', load: `${before} before, ${loadNow()} after`, rows };
}

function p99(waits: readonly number[]): number {
  const sorted = [...waits].sort((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * 0.99) - 1] ?? Number.NaN;
}

/** Steps a second, in the median of some rounds; `make` fills a queue and gives its step. */
function rate(make: () => () => void): number {
  const step = make();
  return median(
    Array.from({ length: ROUNDS }, () => {
      const from = performance.now();
      for (let i = 0; i < STEPS; i++) step();
      return (STEPS / (performance.now() - from)) * 1_000;
    }),
  );
}

/** All six lanes, each with a hundred accounts. */
function steadyLanes(depth: number): () => void {
  const order = laneOrder();
  let ticket = 0n;
  const enter = (lane: number): void => {
    ticket += 1n;
    order.enter({ ticket, lane, account: `account ${ticket % 100n}` });
  };
  for (let i = 0; i < depth; i++) enter(i % LANES.length);
  // Whoever starts is followed by another of its lane, so that the depth of each stays.
  return () => enter(order.start()?.lane ?? 0);
}

function steadyArray(depth: number): () => void {
  const waiting: bigint[] = [];
  let ticket = 0n;
  const enter = (): void => {
    ticket += 1n;
    waiting.push(ticket);
  };
  for (let i = 0; i < depth; i++) enter();
  return () => {
    waiting.shift();
    enter();
  };
}
