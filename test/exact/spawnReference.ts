import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const program = fileURLToPath(new URL('./reference.py', import.meta.url));
const MIN_PYTHON = '(3, 11)';

/** Why this machine cannot run `reference.py`, if it cannot. */
export async function missingPython(): Promise<string | undefined> {
  const version = `import sys; sys.exit(sys.version_info < ${MIN_PYTHON})`;
  return await run('python3', ['-c', version]).then(
    () => undefined,
    () => 'no python3 of 3.11 or later',
  );
}

/** What `reference.py` prints for these arguments. */
export async function spawnReference(...args: readonly string[]): Promise<unknown> {
  const { stdout } = await run('python3', ['-B', program, ...args], { maxBuffer: 1 << 24 });
  return JSON.parse(stdout);
}
