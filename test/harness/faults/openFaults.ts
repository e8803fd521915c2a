import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openPreload } from '../preload.ts';
import { FAULTS_VARIABLE, FIRED_FILE, faultFile } from './faultFiles.ts';

export type FaultSignal = 'SIGKILL' | 'SIGSTOP';

/** A signal that the first process of a program to reach a stage sends to itself. */
export interface Fault {
  readonly program: 'localnet' | 'gateway' | 'worker' | 'validator';
  readonly stage: string;
  readonly signal: FaultSignal;
}

export interface Faults extends AsyncDisposable {
  arm(fault: Fault): Promise<void>;
  /** The process id of who took the armed fault; undefined while nobody has. Forgets it. */
  fired(): Promise<number | undefined>;
  /** Takes a fault that nobody took away again. */
  disarm(fault: Fault): Promise<void>;
}

/** Every program that is started from here on heeds the faults that are armed, until this is disposed. */
export async function openFaults(): Promise<Faults> {
  const preload = await openPreload({ script: new URL('./faultPoint.ts', import.meta.url), variable: FAULTS_VARIABLE });
  const { folder } = preload;
  return {
    async arm(fault) {
      const file = join(folder, faultFile(fault));
      await writeFile(`${file}.new`, fault.signal);
      await rename(`${file}.new`, file);
    },
    async fired() {
      const file = join(folder, FIRED_FILE);
      try {
        const pid = Number(await readFile(file, 'utf8'));
        if (pid === 0) return undefined;
        await rm(file);
        return pid;
      } catch {
        return undefined;
      }
    },
    disarm: (fault) => rm(join(folder, faultFile(fault)), { force: true }),
    [Symbol.asyncDispose]: () => preload[Symbol.asyncDispose](),
  };
}
