import { mkdir, readFile, rm } from 'node:fs/promises';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { CircuitsError, endSnarkjs, kernelProver, nativeProver, openTensorCommitter } from '@karmesh/circuits';
import { KarmeshError } from '@karmesh/sdk/errors';
import { errnoOf, writeFileAtomic } from '@karmesh/sdk/runtime';
import { openExactModel } from '../file/exactModel.ts';
import { openModelFile } from '../file/modelFiles.ts';
import { type ErrorParts, errorToParts } from '../thread/errorParts.ts';
import { type KeptProofs, type ProvingJob, proveToken } from './proveToken.ts';

/** What the process is sent, once. */
export interface ProvingTask {
  readonly job: ProvingJob;
  /** Where proofs are kept as they come. */
  readonly folder: string;
  /** The prover as a program; in WebAssembly without one. */
  readonly program: string | undefined;
}

export type FromProving =
  | { readonly kind: 'answer'; readonly bytes: Uint8Array }
  | { readonly kind: 'failed'; readonly error: ErrorParts };

/** A process that proves a token for the worker that started it, and ends with it: a proof takes a core for seconds and hundreds of megabytes. */
const send = (message: FromProving): void => {
  process.send?.(message);
};

/** What runs beside this answers people. */
const NICENESS = 10;

process.once('message', ({ job, folder, program }: ProvingTask) => {
  run(job, { folder, program }).then(
    (bytes) => send({ kind: 'answer', bytes }),
    (error: unknown) => send({ kind: 'failed', error: errorToParts(fromCircuits(error)) }),
  );
});
process.once('disconnect', () => process.exit());

async function run(job: ProvingJob, { folder, program }: Omit<ProvingTask, 'job'>): Promise<Uint8Array> {
  setPriority(NICENESS);
  await using source = await openModelFile(job.modelPath);
  const model = await openExactModel(source);
  const commit = await openTensorCommitter();
  // Beside the proofs, so that what a kill leaves of a witness goes with the next start, or with them.
  const scratch = join(folder, 'scratch');
  await rm(scratch, { recursive: true, force: true });
  await mkdir(scratch, { mode: 0o700 });
  const prover = program === undefined ? kernelProver() : nativeProver({ program, scratch });
  const pathOf = (operator: number): string => join(folder, `${operator}.proof`);
  const kept: KeptProofs = {
    async get(operator) {
      try {
        return Uint8Array.from(await readFile(pathOf(operator)));
      } catch (cause) {
        if (errnoOf(cause) === 'ENOENT') return undefined;
        throw cause;
      }
    },
    put: (operator, bytes) => writeFileAtomic({ path: pathOf(operator), bytes }),
  };
  try {
    return await proveToken(job, { model, commit, prover, kept });
  } finally {
    await endSnarkjs();
  }
}

/** The package of circuits knows nothing of a market's errors. */
function fromCircuits(error: unknown): unknown {
  if (!(error instanceof CircuitsError)) return error;
  return new KarmeshError('PROOF_FAILED', error.message, { ...error.facts, code: error.code }, error);
}
