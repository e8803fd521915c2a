import type { Measurements } from '@karmesh/sdk/protocol';
import type { PositionMeasurement } from './engine.ts';

/** U-04: sums of gaps in micro-logits, each rounded up to a whole one, so that no gap vanishes. */
export function sumMeasurements(positions: readonly PositionMeasurement[]): Measurements {
  let differing = 0;
  let largestGapMicro = 0n;
  let gapSumMicro = 0n;
  for (const { token, chosen, gap } of positions) {
    if (token !== chosen) differing++;
    const micro = BigInt(Math.ceil(gap * 1_000_000));
    if (micro > largestGapMicro) largestGapMicro = micro;
    gapSumMicro += micro;
  }
  return { tokens: positions.length, differing, largestGapMicro, gapSumMicro };
}
