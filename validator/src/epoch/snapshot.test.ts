import { constantWeight } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { fixtureMarket, named } from '../fixtures/market.ts';
import { snapshotGroups } from './snapshot.ts';

const market = fixtureMarket({ slotsPerEpoch: 100n });
const { workerAccounts, policy } = market;

test('A-04: every pair of class and model has its group, sorted, of those who are active', () => {
  const second = named('second model');
  const workers = workerAccounts.map((worker, i) => ({
    ...worker,
    models: i === 0 ? [market.modelId, second] : worker.models,
    weights: constantWeight(1n, i === 4 ? 8n : 0n),
  }));
  const groups = snapshotGroups(workers, { epoch: 7n, policy }) ?? [];
  const shown = groups.map(({ epoch, modelId, candidates }) => [epoch, modelId, candidates.map(({ index }) => index)]);
  expect(shown).toHaveLength(2);
  expect(shown).toContainEqual([7n, market.modelId, [1, 2, 3, 4]]);
  expect(shown).toContainEqual([7n, second, [1]]);
});

test('A-04: a later look reads the epoch’s own weights while they still stand in the accounts', () => {
  const read = (weightFromEpoch: bigint) => {
    const workers = workerAccounts.map((worker) => ({ ...worker, weightKarma: [1n, 2n] as const, weightFromEpoch }));
    return snapshotGroups(workers, { epoch: 7n, policy })?.[0]?.candidates.map(
      ({ weight }) => weight - policy.weightFloor,
    );
  };
  expect(read(7n)).toEqual([2n, 2n, 2n, 2n, 2n]);
  expect(read(8n)).toEqual([1n, 1n, 1n, 1n, 1n]);
  expect(read(9n)).toBeUndefined();
});
