import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** 22.18 is the first that runs TypeScript as it is. */
const VERSION = '22.23.3';
const tools = fileURLToPath(new URL('../../../.tools/', import.meta.url));

export type Node22 = { readonly path: string } | { readonly missing: string };

/** Node 22 of this platform's npm package, whose sisters package.json names for Node 24, installed once into the ignored folder .tools. */
export async function findNode22(): Promise<Node22> {
  const isWindows = process.platform === 'win32';
  const name = `node-${isWindows ? 'win' : process.platform}-${process.arch}`;
  const folder = join(tools, `node-${VERSION}`);
  const path = join(folder, 'node_modules', name, isWindows ? 'node.exe' : 'bin/node');
  if (existsSync(path)) return { path };
  await mkdir(tools, { recursive: true });
  // Two tests may want it at once: each installs for itself, and the first one's is kept.
  const fresh = await mkdtemp(join(tools, 'installing-'));
  try {
    await writeFile(join(fresh, 'package.json'), '{ "private": true }\n');
    const flags = ['--ignore-scripts', '--no-package-lock', '--loglevel=error', '--fetch-retries=1'];
    await promisify(execFile)(isWindows ? 'npm.cmd' : 'npm', ['install', ...flags, `${name}@${VERSION}`], {
      cwd: fresh,
      shell: isWindows,
      timeout: 120_000,
    });
    await rename(fresh, folder).catch(() => undefined);
  } catch {
    return { missing: `npm does not give ${name} ${VERSION}` };
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  return existsSync(path) ? { path } : { missing: `${name} ${VERSION} has no program` };
}
