import { randomBytes } from 'node:crypto';
import { CircuitsError } from '../errors.ts';
import { type CeremonyPhase, openPhaseOf } from './ceremonyFile.ts';
import { snarkjsStep } from './snarkjsPhases.ts';
import { wholeFile } from './wholeFile.ts';

export interface ContributeOptions {
  /** What the one before gave: a .ptau or a .zkey file. */
  readonly from: string;
  /** What goes to the next one. */
  readonly to: string;
  /** What the contributor is called in the file, 1 to 64 printable characters of ASCII. */
  readonly name: string;
}

export interface ContributeResult {
  readonly phase: CeremonyPhase;
  /** BLAKE2b of what was added, 64 bytes: the contributor publishes it and looks for it when the ceremony has ended. */
  readonly contributionHash: Uint8Array;
}

/**
 * Multiplies the secret of a ceremony by a random number, which is forgotten. One honest contributor is enough: whoever lacks a single factor knows nothing of the
 * product (Bowe, Gabizon and Miers, eprint 2017/1050). Throws `BAD_INPUT`, `FILE_INVALID`.
 */
export async function contribute({ from, to, name }: ContributeOptions): Promise<ContributeResult> {
  if (!/^[\x20-\x7e]{1,64}$/.test(name))
    throw new CircuitsError('BAD_INPUT', 'A contributor’s name is 1 to 64 printable characters of ASCII.', { name });
  const phase = await openPhaseOf(from);
  // snarkjs hashes this together with random bytes of its own.
  const entropy = randomBytes(64).toString('hex');
  const contributionHash = await wholeFile(to, (partial) =>
    snarkjsStep(({ powersOfTau, zKey }, logger) =>
      (phase === 'powers' ? powersOfTau : zKey).contribute(from, partial, name, entropy, logger),
    ),
  );
  return { phase, contributionHash: contributionHash as Uint8Array };
}
