import { expect, test } from 'vitest';
import { loadHostileModels } from '../../../fixtures/hostileModels.ts';

test.each([2, 3, 4, 5, 6, 7])('X-50: 5,000 spoilt models of seed %d', { timeout: 600_000 }, async (seed) => {
  const { refused, accepted, largestAllocation } = await loadHostileModels({ seed, rounds: 5_000 });
  expect(accepted).toBeGreaterThan(250);
  expect(refused.size).toBeGreaterThan(20);
  expect(largestAllocation).toBeLessThan(1 << 20);
});
