import { spawn } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KarmeshError } from '../errors.ts';

/** Finds `karmesh-NAME` in the `node_modules/.bin` of this folder or of one above it. Throws `CONFIG_INVALID` if it is not installed. */
export function findProgram(name: string): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const candidate = join(folder, 'node_modules', '.bin', `karmesh-${name}`);
    if (existsSync(candidate)) return realpathSync(candidate);
    const above = dirname(folder);
    if (above === folder) throw new KarmeshError('CONFIG_INVALID', `karmesh-${name} is not installed here.`, { name });
    folder = above;
  }
}

/** Runs a program in this terminal until it ends; Ctrl-C reaches it directly. Resolves to its exit code. */
export function runProgram(program: string, args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, ...args], {
    stdio: 'inherit',
  });
  const pass = (signal: NodeJS.Signals) => () => child.kill(signal);
  const onTerminate = pass('SIGTERM');
  // The terminal sends SIGINT to the whole group; this process only has to outlive the child.
  const onInterrupt = (): void => {};
  process.on('SIGTERM', onTerminate);
  process.on('SIGINT', onInterrupt);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      process.off('SIGTERM', onTerminate);
      process.off('SIGINT', onInterrupt);
      resolve(code ?? (signal === null ? 70 : 130));
    });
  });
}
