import { expect, test } from 'vitest';
import { lease } from './lease.ts';

const options = { tickMs: 200, deadAfterMs: 1_600, graceMs: 5_000 };

/** The time of the first tick that gives the peer up, when ticks come at these times. */
function deadAt(each: ReturnType<typeof lease>, ticks: Iterable<number>): number | undefined {
  for (const at of ticks) if (each.tick(at)) return at;
  return undefined;
}

function* every(ms: number, from: number, until: number): Generator<number> {
  for (let at = from; at <= until; at += ms) yield at;
}

test('a peer that falls silent is given up after 1,600 ms', () => {
  const each = lease(options, 0);
  each.tick(200);
  each.heard();
  expect(deadAt(each, every(200, 400, 10_000))).toBe(1_800);
});

test('silence frozen just after a tick is still noticed within two seconds', () => {
  const each = lease(options, 0);
  each.tick(200);
  each.heard();
  // Heard right after the tick at 200, so 1,800 is 1,600 ms later; late ticks of 220 ms stay below 2,000 ms.
  expect(deadAt(each, every(220, 420, 10_000))).toBe(1_960);
});

test('a peer that beats is never given up', () => {
  const each = lease(options, 0);
  for (const at of every(200, 200, 60_000)) {
    expect(each.tick(at)).toBe(false);
    if (at % 400 === 0) each.heard();
  }
});

test('before the first beat there is the grace time', () => {
  expect(deadAt(lease(options, 0), every(200, 200, 10_000))).toBe(5_000);
});

test('time in which this process stalled counts as one tick', () => {
  const each = lease(options, 0);
  each.heard();
  each.tick(200);
  expect(each.tick(60_000)).toBe(false);
  expect(deadAt(each, every(200, 60_200, 70_000))).toBe(61_200);
});

test('whatever comes keeps a peer, and does not end the grace time', () => {
  const each = lease(options, 0);
  each.sensed();
  for (let at = 200; at < 5_000; at += 200) expect(each.tick(at)).toBe(false);
  each.sensed();
  for (let at = 5_000; at < 6_400; at += 200) expect(each.tick(at)).toBe(false);
  each.sensed();
  expect(each.tick(6_400)).toBe(false);
});
