import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** The first that runs TypeScript as it is, and what is installed here. */
const VERSION = '22.23.3';
const folder = fileURLToPath(new URL('../../../.tools/node22/', import.meta.url));

export type Node22 = { readonly path: string } | { readonly missing: string };

/** Node 22 of this platform's npm package, the one that package.json names for Node 24, installed once into the ignored folder .tools. */
export async function findNode22(): Promise<Node22> {
  const isWindows = process.platform === 'win32';
  const name = `node-${isWindows ? 'win' : process.platform}-${process.arch}`;
  const path = join(folder, 'node_modules', name, isWindows ? 'node.exe' : 'bin/node');
  if (existsSync(path)) return { path };
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), '{ "private": true }\n');
  const args = ['install', '--ignore-scripts', '--no-package-lock', '--loglevel=error', `${name}@${VERSION}`];
  try {
    const shell = isWindows;
    await promisify(execFile)(isWindows ? 'npm.cmd' : 'npm', args, { cwd: folder, shell, timeout: 120_000 });
  } catch {
    return { missing: `npm does not give ${name} ${VERSION}` };
  }
  return existsSync(path) ? { path } : { missing: `${name} ${VERSION} has no program` };
}
