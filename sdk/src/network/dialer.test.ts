import { expect, test } from 'vitest';
import { type DialTarget, dialer } from './dialer.ts';

const options = { firstRetryMs: 100, maxRetryMs: 800, dialTimeoutMs: 1_000 };

/** Lets the promises of a dial settle. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function start() {
  const state = { at: 0, connected: false, works: false };
  const dials: number[] = [];
  const failures: [string, number, string][] = [];
  const service = dialer(options)({
    random: () => 1 - Number.EPSILON,
    now: () => state.at,
    onFailure: (key, attempt, error) => failures.push([key, attempt, (error as Error).message]),
  });
  const target: DialTarget = {
    key: 'peer',
    isConnected: () => state.connected,
    dial: async () => {
      dials.push(state.at);
      if (!state.works) throw new Error('refused');
      state.connected = true;
    },
  };
  const run = async (untilMs: number): Promise<void> => {
    for (; state.at <= untilMs; state.at += 50) {
      service.tick([target]);
      await settle();
    }
  };
  return { state, dials, failures, service, target, run };
}

test('dials at once, then with doubling pauses for as long as it fails', async () => {
  const { dials, failures, run } = start();
  await run(4_000);
  expect(dials).toEqual([0, 100, 300, 700, 1_500, 2_300, 3_100, 3_900]);
  expect(failures.slice(0, 2)).toEqual([
    ['peer', 1, 'refused'],
    ['peer', 2, 'refused'],
  ]);
});

test('a connection that was lost is dialled soon, without the pauses that came before it', async () => {
  const { state, dials, run } = start();
  await run(2_000);
  state.works = true;
  await run(4_000);
  expect(state.connected).toBe(true);
  const before = dials.length;
  state.connected = false;
  state.works = false;
  const lostAt = state.at;
  await run(lostAt + 300);
  expect(dials.slice(before)).toEqual([lostAt, lostAt + 100, lostAt + 300]);
});

test('one dial of a target runs at a time, and stopping aborts it', async () => {
  let running = 0;
  let most = 0;
  const service = dialer(options)({ random: () => 0, now: () => 0, onFailure: () => {} });
  const target: DialTarget = {
    key: 'slow',
    isConnected: () => false,
    dial: (signal) => {
      running += 1;
      most = Math.max(most, running);
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          running -= 1;
          reject(signal.reason);
        });
      });
    },
  };
  service.tick([target]);
  service.tick([target]);
  await service.stop();
  service.tick([target]);
  expect([most, running]).toEqual([1, 0]);
});
