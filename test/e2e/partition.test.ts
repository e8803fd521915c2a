import { expect, test } from 'vitest';
import { runPartitions } from './partition.ts';

// One cut; `partition.long.test.ts` has one in each phase of an epoch.
test('a market that was cut into halves sells in both, and every answer is final and paid once after it healed', {
  timeout: 200_000,
}, async () => {
  const result = await runPartitions(['attested'], { signal: AbortSignal.timeout(190_000), print: () => {} });
  const { whileCut, unreached, wrong, unpaid } = result;
  expect(new Set(whileCut)).toEqual(new Set(['answered']));
  // Otherwise nothing was cut.
  expect(unreached).toBeGreaterThan(0);
  expect({ wrong, unpaid }).toEqual({ wrong: [], unpaid: [] });
});
