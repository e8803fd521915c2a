import { describe, expect, test } from 'vitest';
import { FIDELITY_CASES, FULL, missedAims, runFidelityCase } from './fidelityCases.ts';

describe.each(FIDELITY_CASES)('$name', (fidelityCase) => {
  test('keeps its aims at all positions', { timeout: 600_000 }, async () => {
    const measured = await runFidelityCase(fidelityCase, FULL);
    expect(measured.positions).toBeGreaterThan(4000 * fidelityCase.share);
    expect(missedAims(fidelityCase, measured)).toEqual([]);
  });
});
