import { execFile, spawn } from 'node:child_process';
import { access, mkdir, rename, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../', import.meta.url));

/** The program, or why this machine cannot make it. */
export type LlamaServerBuild =
  | { readonly kind: 'built'; readonly path: string }
  | { readonly kind: 'impossible'; readonly reason: string };

const NEEDED = [
  ['git', '--version'],
  ['cmake', '--version'],
  ['c++', '--version'],
] as const;

/**
 * llama-server, built from the source of llama.cpp that node-llama-cpp ships as a git bundle, without the network. It is built once into
 * `.tools/`, by the commit of the source; that takes some ten minutes of two cores.
 */
export async function buildLlamaServer(): Promise<LlamaServerBuild> {
  for (const [program, flag] of NEEDED) {
    const isThere = await run(program, [flag]).then(
      () => true,
      () => false,
    );
    if (!isThere) return { kind: 'impossible', reason: `${program} is not installed` };
  }
  // Its entry is dist/index.js; package.json is not exported.
  const entry = fileURLToPath(import.meta.resolve('node-llama-cpp'));
  const bundle = join(dirname(dirname(entry)), 'llama', 'gitRelease.bundle');
  const { stdout } = await run('git', ['bundle', 'list-heads', bundle]);
  const commit = /^[0-9a-f]{40}/.exec(stdout)?.[0];
  if (commit === undefined) return { kind: 'impossible', reason: 'node-llama-cpp ships no source of llama.cpp' };
  const folder = join(root, '.tools', 'llama-server', commit);
  const path = join(folder, 'llama-server');
  const isBuilt = await access(path).then(
    () => true,
    () => false,
  );
  if (isBuilt) return { kind: 'built', path };
  const source = join(folder, 'source');
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await run('git', ['clone', '--quiet', bundle, source]);
  const build = join(folder, 'build');
  const options = [
    ...['CMAKE_BUILD_TYPE=Release', 'BUILD_SHARED_LIBS=OFF', 'LLAMA_OPENSSL=OFF', 'LLAMA_USE_PREBUILT_UI=OFF'],
    ...['LLAMA_BUILD_TESTS=OFF', 'LLAMA_BUILD_EXAMPLES=OFF', 'LLAMA_BUILD_APP=OFF'],
  ];
  await quietly('cmake', ['-S', source, '-B', build, ...options.map((option) => `-D${option}`)]);
  await quietly('cmake', ['--build', build, '--target', 'llama-server', '-j', String(availableParallelism())]);
  await rename(join(build, 'bin', 'llama-server'), path);
  await rm(source, { recursive: true });
  await rm(build, { recursive: true });
  return { kind: 'built', path };
}

/** Runs a program to its end and shows its last lines if it fails. */
async function quietly(program: string, args: readonly string[]): Promise<void> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let last = '';
  const keep = (chunk: Buffer): void => {
    last = (last + chunk.toString('utf8')).slice(-4000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw new Error(`${program} failed with ${code}:\n${last}`);
}
