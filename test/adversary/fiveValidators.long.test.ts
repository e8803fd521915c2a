import { expect, test } from 'vitest';
import { runFiveValidators } from './fiveValidators.ts';

test('V-30 to V-34: over fifty epochs the honest root wins each, cheats are slashed, and honest ones lose nothing', {
  timeout: 3_600_000,
}, async () => {
  const print = (line: string): void => void process.stderr.write(`${line}\n`);
  const result = await runFiveValidators(50, { signal: AbortSignal.timeout(3_500_000), print });
  expect(result.epochs).toHaveLength(50);
  for (const { root, honest, lie } of result.epochs) {
    expect(root).toBe(honest);
    expect(root).not.toBe(lie);
  }
  expect(result.slashed).toEqual([false, false, true, true, false]);
  for (const { offender, finder } of result.cases) {
    expect([2, 3]).toContain(offender);
    expect([0, 1, 4]).toContain(finder);
  }
  expect(result.cases.filter(({ executed }) => executed).length).toBeGreaterThan(10);
  expect(result.signedTwice).toEqual([]);
  expect(result.kills).toBeGreaterThan(20);
});
