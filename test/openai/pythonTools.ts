import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../../', import.meta.url));
const run = promisify(execFile);

/**
 * The folder of programs of a virtual environment that has one package from pip in it, made once in .tools; undefined where there is no python3, or
 * pip gets nothing.
 */
export async function pythonTools(name: string, version: string): Promise<string | undefined> {
  const tools = join(root, '.tools', `${name}-python`);
  const programs = join(tools, version, 'bin');
  if (existsSync(programs)) return programs;
  // An installation that was cut off must not look like a whole one.
  const fresh = join(tools, `${version}.${process.pid}`);
  try {
    await mkdir(tools, { recursive: true });
    await run('python3', ['-m', 'venv', fresh], { timeout: 30_000 });
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--retries', '1', '--timeout', '15'];
    await run(join(fresh, 'bin', 'python'), [...pip, `${name}==${version}`], { timeout: 120_000 });
    await rename(fresh, join(tools, version)).catch(async (cause: unknown) => {
      if (!existsSync(programs)) throw cause;
    });
    return programs;
  } catch {
    return undefined;
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}
