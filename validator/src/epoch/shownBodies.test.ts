import { expect, test } from 'vitest';
import { EPOCH_STATES, type EpochFacts, type EpochState } from '../chain/chainReader.ts';
import { isShown, shownBodies } from './shownBodies.ts';

const hashOf = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);

/** A chain whose epoch 5 is in this state, without an account if it is undefined. */
function chain(state: EpochState | undefined, lastFinalisedEpoch: bigint | undefined) {
  const facts = { lastFinalisedEpoch } as ReturnType<Parameters<typeof isShown>[0]['config']>;
  const epochs = state === undefined ? [] : [{ epoch: 5n, state } as EpochFacts];
  return { config: () => facts, epochs: () => epochs };
}

test('V-18: a report is shown once P-17 takes no seal of its epoch, and not where the chain is silent', () => {
  const isReportShown = (state: EpochState | undefined, last: bigint | undefined) =>
    isShown(chain(state, last), { epoch: 5n, kind: 'report' });
  expect(EPOCH_STATES.filter((state) => isReportShown(state, 4n))).toEqual(['reported', 'finalised']);
  expect([undefined, ...EPOCH_STATES].filter((state) => !isReportShown(state, 5n))).toEqual([]);
  // Passed over: a later one is final.
  expect(isReportShown('verdicts', 6n)).toBe(true);
  expect([isReportShown(undefined, 4n), isReportShown(undefined, undefined)]).toEqual([false, false]);
  expect(isReportShown('reported', undefined)).toBe(true);
});

test('V-18: what follows from the chain and from verdicts that were heard is shown at once', () => {
  const bodies = (['manifest', 'verdicts', 'report'] as const).map((kind, i) => ({
    kind,
    key: hashOf(i),
    bodyHash: hashOf(10 + i),
  }));
  const store = { bodiesOf: () => bodies };
  expect(shownBodies({ chain: chain('verdicts', 4n), store }, 5n)).toEqual(bodies.slice(0, 2));
  expect(shownBodies({ chain: chain('reported', 4n), store }, 5n)).toEqual(bodies);
  expect(isShown(chain('verdicts', 4n), { epoch: 5n, kind: 'challenge' })).toBe(true);
});
