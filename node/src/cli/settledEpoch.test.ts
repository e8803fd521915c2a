import type { EpochBodies } from '@karmesh/sdk/participant';
import { type ChainView, EPOCH_STATE, NONE } from '@karmesh/sdk/program';
import { expect, test } from 'vitest';
import { settledEpoch } from './settledEpoch.ts';

const { signal } = new AbortController();

/** What is settled when epoch 9 is the last final one and its report carries answers that were drawn so. */
function settled(chain: {
  readonly last?: bigint;
  readonly carriedCount?: number;
  readonly drawn?: readonly bigint[];
  readonly isServed?: boolean;
}) {
  const { last = 9n, drawn = [], carriedCount = drawn.length, isServed = true } = chain;
  const view = {
    config: () => ({ lastFinalisedEpoch: last }),
    epochAccount: (epoch: bigint) =>
      epoch === last
        ? { state: EPOCH_STATE.finalised, carriedCount }
        : { state: EPOCH_STATE.finalised, carriedCount: 0 },
  } as unknown as ChainView;
  const bodies = {
    report: async (epoch: bigint) =>
      isServed && epoch === last ? { body: { carried: drawn.map((drawnEpoch) => ({ drawnEpoch })) } } : undefined,
  } as unknown as EpochBodies;
  return settledEpoch({ view, bodies }, { signal });
}

test('W-17: nothing is settled before the first final report', async () => {
  expect(await settled({ last: NONE })).toBeUndefined();
});

test('W-17: all that is final is settled where nothing is carried, whoever serves the report', async () => {
  expect(await settled({ isServed: false })).toBe(9n);
});

test('W-17: what is older than the oldest carried answer is settled, and nothing while the report is not there', async () => {
  expect(await settled({ drawn: [7n, 5n, 9n] })).toBe(4n);
  expect(await settled({ drawn: [0n] })).toBe(-1n);
  expect(await settled({ drawn: [7n], isServed: false })).toBeUndefined();
});
