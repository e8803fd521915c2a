import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** What a command took, its start included. */
export interface Taken {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly stdout: string;
}

/** What a command may take: processor seconds, and resident memory at any moment. */
export interface Limits {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
}

const script = fileURLToPath(new URL('measure.py', import.meta.url));

/** Runs a command to its end. */
export async function measured(command: readonly string[]): Promise<Taken> {
  return finished(command, await run(command));
}

/** Runs a command until it ends or takes more than it may; `stoppedBy` says of what. */
export async function measuredWithin(
  command: readonly string[],
  { cpuSeconds, residentBytes }: Limits,
): Promise<Taken & { readonly stoppedBy: 'memory' | 'time' | undefined }> {
  const limits = ['--cpu-seconds', String(cpuSeconds), '--resident-bytes', String(residentBytes)];
  const taken = await run([...limits, ...command]);
  if (taken.stoppedBy !== null) return { ...taken, stoppedBy: taken.stoppedBy };
  return { ...finished(command, taken), stoppedBy: undefined };
}

interface Measured extends Taken {
  readonly code: number;
  readonly stderr: string;
  readonly stoppedBy: 'memory' | 'time' | null;
}

async function run(args: readonly string[]): Promise<Measured> {
  const { stdout } = await promisify(execFile)('python3', [script, ...args], { maxBuffer: 1 << 24 });
  return JSON.parse(stdout) as Measured;
}

function finished(command: readonly string[], taken: Measured): Taken {
  if (taken.code !== 0) throw new Error(`${command.slice(0, 4).join(' ')} failed: ${taken.stderr}`);
  return taken;
}

export function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
