import { type ConfigAccount, NONE } from '@karmesh/sdk/program';
import { type KarmaVector, type ReportBody, toHex, ZERO_HASH } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { karmaHistory } from './karmaHistory.ts';

const bytes = (fill: number) => new Uint8Array(32).fill(fill);
const [A, B] = [bytes(0xa), bytes(0xb)];
const report = (root: Uint8Array, priorRoot: Uint8Array, rows: readonly (readonly [Uint8Array, KarmaVector])[]) => ({
  verdictsRoot: bytes(0),
  body: {
    report: { root, priorRoot },
    lifetimes: rows.map(([participant, karma]) => ({ participant, karma })),
  } as unknown as ReportBody,
});

/** A history over reports by epoch, and the epochs that it asked for. */
function historyOf(reports: Readonly<Record<string, ReturnType<typeof report>>>, lastFinalisedEpoch: bigint) {
  const asked: bigint[] = [];
  const state = { nowMs: 0, lastFinalisedEpoch };
  const history = karmaHistory({ epochs: 2, fetchMs: 1_000, retryMs: 100 })({
    view: { config: () => state as unknown as ConfigAccount },
    bodies: {
      report: async (epoch) => {
        asked.push(epoch);
        return reports[epoch.toString()];
      },
    },
    clock: { nowMs: () => state.nowMs },
  });
  return { history, asked, state };
}

const first = report(bytes(1), ZERO_HASH, [[A, [5n, 0n, 0n, 2n, 0n]]]);
const third = report(bytes(3), bytes(1), [
  [A, [5n, 0n, 0n, 2n, 0n]],
  [B, [7n, 0n, 0n, 0n, 1n]],
]);

test('an epoch’s earnings are what its report has over the one before, though an epoch in between is not final', async () => {
  const { history, asked } = historyOf({ 0: first, 2: third }, 2n);
  const earned = [
    { epoch: 0n, earned: new Map([[toHex(A), [5n, 0n, 0n, 2n, 0n]]]) },
    { epoch: 2n, earned: new Map([[toHex(B), [7n, 0n, 0n, 0n, 1n]]]) },
  ];
  const [once, twice] = await Promise.all([history.read(), history.read()]);
  expect([once, twice]).toEqual([earned, earned]);
  expect(await history.read()).toEqual(earned);
  expect(asked).toEqual([2n, 1n, 0n]);
});

test('a report that nobody had is asked for again later; epochs that are too old are left alone', async () => {
  const { history, asked, state } = historyOf({ 9: third }, 9n);
  expect(await history.read()).toEqual([]);
  state.nowMs = 100;
  await history.read();
  expect(asked).toEqual([9n, 8n, 7n, 8n, 7n]);
});

test('there is nothing before the first final epoch', async () => {
  const { history, asked } = historyOf({}, NONE);
  expect([await history.read(), asked]).toEqual([[], []]);
});
