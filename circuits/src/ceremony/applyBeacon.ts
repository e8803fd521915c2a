import { rm } from 'node:fs/promises';
import { CircuitsError } from '../errors.ts';
import { MOST_BEACON_ITERATIONS } from '../keys/inspectKey.ts';
import { type CeremonyPhase, openPhaseOf } from './ceremonyFile.ts';
import { snarkjsStep } from './snarkjsPhases.ts';
import { wholeFile } from './wholeFile.ts';

export interface ApplyBeaconOptions {
  readonly from: string;
  readonly to: string;
  /** Public randomness that nobody knew before the last contribution: the hash of a slot that had been announced. 1 to 255 bytes. */
  readonly beacon: Uint8Array;
  /** It is hashed 2^iterations times, 10 to 24: who makes the randomness must not be able to try many. */
  readonly iterations: number;
}

export const LEAST_BEACON_ITERATIONS = 10;

/** Ends a phase with a contribution that everybody can repeat. Powers of tau are prepared for their second phase, which takes minutes. Throws `BAD_INPUT`, `FILE_INVALID`. */
export async function applyBeacon({ from, to, beacon, iterations }: ApplyBeaconOptions): Promise<CeremonyPhase> {
  if (beacon.length < 1 || beacon.length > 255)
    throw new CircuitsError('BAD_INPUT', 'A beacon has 1 to 255 bytes.', { bytes: beacon.length });
  if (!Number.isInteger(iterations) || iterations < LEAST_BEACON_ITERATIONS || iterations > MOST_BEACON_ITERATIONS)
    throw new CircuitsError('BAD_INPUT', 'A beacon is hashed between 2^10 and 2^24 times.', { iterations });
  const phase = await openPhaseOf(from);
  const hex = Buffer.from(beacon).toString('hex');
  await wholeFile(to, async (partial) => {
    if (phase === 'key')
      return snarkjsStep(({ zKey }, logger) => zKey.beacon(from, partial, 'beacon', hex, iterations, logger));
    const ended = `${partial}.beacon.partial`;
    try {
      await snarkjsStep(({ powersOfTau }, logger) =>
        powersOfTau.beacon(from, ended, 'beacon', hex, iterations, logger),
      );
      // It gives nothing back, whatever happened.
      return await snarkjsStep(({ powersOfTau }, logger) => powersOfTau.preparePhase2(ended, partial, logger));
    } finally {
      await rm(ended, { force: true });
    }
  });
  return phase;
}
