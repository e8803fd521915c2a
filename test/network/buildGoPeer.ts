import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const source = fileURLToPath(new URL('./goPeer/', import.meta.url));
const root = fileURLToPath(new URL('../../', import.meta.url));

/** The program, or why this machine cannot make it. */
export type GoPeerBuild =
  | { readonly kind: 'built'; readonly path: string }
  | { readonly kind: 'impossible'; readonly reason: string };

/** The peer of `goPeer/`, built once into `.tools/` by the hash of its sources. The first build downloads the modules that go.sum names. */
export async function buildGoPeer(): Promise<GoPeerBuild> {
  const hasGo = await run('go', ['version']).then(
    () => true,
    () => false,
  );
  if (!hasGo) return { kind: 'impossible', reason: 'go is not installed' };
  const digest = createHash('sha256');
  for (const name of (await readdir(source)).sort()) digest.update(name).update(await readFile(join(source, name)));
  const folder = join(root, '.tools', 'go-peer', digest.digest('hex'));
  const path = join(folder, 'go-peer');
  const isBuilt = await access(path).then(
    () => true,
    () => false,
  );
  if (isBuilt) return { kind: 'built', path };
  await mkdir(folder, { recursive: true });
  await run('go', ['build', '-trimpath', '-o', path, '.'], { cwd: source });
  return { kind: 'built', path };
}
