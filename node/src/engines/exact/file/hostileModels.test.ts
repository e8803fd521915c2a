import { expect, test } from 'vitest';
import { loadHostileModels } from '../../../fixtures/hostileModels.ts';

/** The tables of a conversion take 623 KiB; what it makes of a file of 90 KiB is smaller. */
const MOST_BYTES = 1 << 20;

test('X-50: a spoilt model is loaded or refused in one sentence, and takes no memory by what it claims', async () => {
  const { refused, accepted, largestAllocation } = await loadHostileModels({ seed: 1, rounds: 400 });
  expect(accepted).toBeGreaterThan(20);
  expect(refused.size).toBeGreaterThan(15);
  expect(largestAllocation).toBeLessThan(MOST_BYTES);
});
