import { expect, test } from 'vitest';
import { freeSlots, unitsFree } from './coolDown.ts';

const parameters = { slotsPerEpoch: 64n, evidenceEpochs: 1n, coolDownEpochs: 4n };
const leaving = (unbondingUnits: bigint, releasedUnits = 0n) => ({
  unbondingUnits,
  releasedUnits,
  unbondingFromSlot: 1_000n,
});

// As programs/karma/src/state/stake.rs counts them.
test.each([1n, 2n, 191n, 192n, 193n, 1_000_000_007n, (1n << 64n) - 1n])('P-30: %d units leave evenly', (units) => {
  const free = freeSlots(leaving(units), parameters);
  for (let passed = 0n; passed <= 300n; passed++) {
    const clamped = passed < 64n ? 64n : passed > 256n ? 256n : passed;
    const expected = (units * (clamped - 64n)) / 192n;
    expect(unitsFree(leaving(units), parameters, 1_000n + passed)).toBe(expected);
    expect(expected > 0n).toBe(1_000n + passed >= (free?.first ?? 0n));
    expect(expected === units).toBe(1_000n + passed >= (free?.all ?? 0n));
  }
});

test('P-30: what was paid out is not free again, and the next unit is told', () => {
  expect(unitsFree(leaving(192n, 100n), parameters, 1_164n)).toBe(0n);
  expect(unitsFree(leaving(192n, 100n), parameters, 1_165n)).toBe(1n);
  expect(freeSlots(leaving(192n, 100n), parameters)).toEqual({ first: 1_165n, all: 1_256n });
  expect(freeSlots(leaving(192n, 192n), parameters)).toBeUndefined();
  // A vote made the cool-down longer: more is out than would be by now.
  expect(unitsFree(leaving(192n, 96n), { ...parameters, coolDownEpochs: 8n }, 1_200n)).toBe(0n);
});
