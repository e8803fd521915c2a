import { expect, test } from 'vitest';
import { runFiveValidators } from './fiveValidators.ts';

// Two honest validators, one that lies, one that looks at nothing and votes for the lie, and one that is killed again and again, as
// a process of its own. The last three have less than a third of the stake. The test itself shows nothing to the chain.

test('V-30 to V-34, P-45 to P-47: the honest root wins five epochs, and who lied or looked away loses stake by what the others found', {
  timeout: 400_000,
}, async () => {
  const result = await runFiveValidators(5, { signal: AbortSignal.timeout(390_000), print: () => {} });
  expect(result.epochs).toHaveLength(5);
  for (const { root, honest, lie } of result.epochs) {
    expect(root).toBe(honest);
    expect(root).not.toBe(lie);
  }
  // The liar lied in most of them: it cannot where its own tally came too late.
  expect(result.epochs.filter(({ lie }) => lie !== undefined).length).toBeGreaterThan(1);
  expect(result.slashed).toEqual([false, false, true, true, false]);
  expect(result.cases.length).toBeGreaterThan(1);
  for (const { offender, finder } of result.cases) {
    expect([2, 3]).toContain(offender);
    expect([0, 1, 4]).toContain(finder);
  }
  expect(result.cases.some(({ offender, executed }) => offender === 2 && executed)).toBe(true);
  expect(result.cases.some(({ offender, executed }) => offender === 3 && executed)).toBe(true);
  expect(result.signedTwice).toEqual([]);
  expect(result.kills).toBeGreaterThan(2);
  expect(result.signed.attest).toBeGreaterThan(0);
});
