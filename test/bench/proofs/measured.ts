import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** What a command took, its start included. */
export interface Taken {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly stdout: string;
}

const script = fileURLToPath(new URL('measure.py', import.meta.url));

/** Runs a command to its end. */
export async function measured(command: readonly string[]): Promise<Taken> {
  const { stdout } = await promisify(execFile)('python3', [script, ...command], { maxBuffer: 1 << 24 });
  const taken = JSON.parse(stdout) as Taken & { readonly code: number; readonly stderr: string };
  if (taken.code !== 0) throw new Error(`${command.slice(0, 4).join(' ')} failed: ${taken.stderr}`);
  return taken;
}

export function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
