import { CircuitsError, endSnarkjs } from '@karmesh/circuits';
import { KarmeshError } from '@karmesh/sdk/errors';

/** Runs a step of a ceremony and ends snarkjs’ threads. What circuits refuse becomes `CEREMONY_REFUSED`, and so does a file that is not there. */
export async function withCeremonyFaults<Result>(step: () => Promise<Result>): Promise<Result> {
  try {
    return await step();
  } catch (error) {
    if (error instanceof CircuitsError) throw new KarmeshError('CEREMONY_REFUSED', error.message, error.facts, error);
    const { code, path } = error as { readonly code?: unknown; readonly path?: string };
    if (code === 'ENOENT') throw new KarmeshError('CEREMONY_REFUSED', 'The file is not there.', { path }, error);
    throw error;
  } finally {
    await endSnarkjs();
  }
}
