import { open, readFile } from 'node:fs/promises';
import { CircuitsError } from '../errors.ts';
import { inspectKey } from '../keys/inspectKey.ts';
import { inspectPowers } from './powersFile.ts';

/** Which phase of a ceremony a file is of. */
export type CeremonyPhase = 'powers' | 'key';

/** By the first bytes of the file. Throws `FILE_INVALID`. */
export async function phaseOf(path: string): Promise<CeremonyPhase> {
  await using file = await open(path, 'r');
  const { buffer } = await file.read(new Uint8Array(4), 0, 4, 0);
  const begins = new TextDecoder().decode(buffer);
  if (begins === 'ptau') return 'powers';
  if (begins === 'zkey') return 'key';
  throw new CircuitsError('FILE_INVALID', 'This is neither a .ptau nor a .zkey file.', { path });
}

/** The phase of a file that somebody may still contribute to. Throws `FILE_INVALID`, and `BAD_INPUT` for a ceremony that has ended or that is none. */
export async function openPhaseOf(path: string): Promise<CeremonyPhase> {
  const phase = await phaseOf(path);
  if (phase === 'powers') {
    if ((await inspectPowers(path)).isPrepared)
      throw new CircuitsError('BAD_INPUT', 'This ceremony has ended: its second phase is prepared.', { path });
    return phase;
  }
  const { insecure, contributions } = inspectKey(await readFile(path));
  if (insecure)
    throw new CircuitsError('BAD_INPUT', 'Contributions do not make an INSECURE DEVELOPMENT KEY secure.', { path });
  if (contributions.at(-1)?.kind === 'beacon')
    throw new CircuitsError('BAD_INPUT', 'This ceremony has ended: a beacon stands behind its contributions.', {
      path,
    });
  return phase;
}
