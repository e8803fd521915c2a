import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CircuitsError } from '../errors.ts';
import type { Prover } from './prover.ts';
import { signalsOf } from './signals.ts';

export interface NativeProverOptions {
  readonly program: string;
  /** Where witnesses lie while it runs; what a process that is killed leaves there is its caller's. The system's folder for such files unless told. */
  readonly scratch?: string;
}

/** The prover of native/ as a program, which `native/build.sh --program` builds: several times as fast as in WebAssembly. */
export function nativeProver({ program, scratch = tmpdir() }: NativeProverOptions): Prover {
  return {
    async prove({ zkey, witness }) {
      const folder = await mkdtemp(join(scratch, 'karmesh-proof-'));
      try {
        const file = (name: string): string => join(folder, name);
        // A witness is as secret as the values that it holds.
        await writeFile(file('wtns'), witness, { mode: 0o600 });
        await promisify(execFile)(program, ['prove', zkey, file('wtns'), file('proof'), file('public')]).catch(
          (cause: { readonly stderr?: string }) => {
            throw new CircuitsError(
              'KERNEL_FAILED',
              'The prover failed.',
              { said: (cause.stderr ?? '').trim() },
              cause,
            );
          },
        );
        const [proof, signals] = await Promise.all([readFile(file('proof')), readFile(file('public'))]);
        return { proof: Uint8Array.from(proof), signals: signalsOf(signals) };
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  };
}
