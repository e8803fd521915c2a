import { spawnSync } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Mutant } from './mutants.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const PROGRAM = join(ROOT, 'programs', 'karma');

/** The file with its bug. Throws unless the text to change stands in it exactly once. */
export async function mutated({ name, file, before, after }: Mutant): Promise<string> {
  const source = await readFile(join(PROGRAM, 'src', file), 'utf8');
  const count = source.split(before).length - 1;
  if (count !== 1) throw new Error(`"${name}" changes a text that stands ${count} times in ${file}: ${before}`);
  return source.replace(before, () => after);
}

/** Why no program can be built here; undefined if one can. */
export function missingTools(): string | undefined {
  return spawnSync('rustup', ['--version'], { stdio: 'ignore' }).status === 0 ? undefined : 'rustup is missing';
}

/** A copy of the program's source to plant bugs in; the committed program stays as it is. */
export interface Nursery extends AsyncDisposable {
  /** Builds the program with one bug and returns the path of it. */
  build(mutant: Mutant): Promise<string>;
}

export async function makeNursery(): Promise<Nursery> {
  const folder = await mkdtemp(join(tmpdir(), 'karmesh-mutants-'));
  const copy = join(folder, 'programs', 'karma');
  await cp(PROGRAM, copy, { recursive: true });
  const linker = await linkerOfTree();
  const env = linker === undefined ? process.env : { ...process.env, SBPF_LINKER: linker };
  return {
    async build(mutant) {
      const file = join(copy, 'src', mutant.file);
      const original = await readFile(join(PROGRAM, 'src', mutant.file), 'utf8');
      await writeFile(file, await mutated(mutant));
      const built = spawnSync('bash', [join(copy, 'build.sh')], { encoding: 'utf8', env });
      await writeFile(file, original);
      if (built.status !== 0) throw new Error(`"${mutant.name}" does not build:\n${built.stderr.slice(-2_000)}`);
      return join(copy, 'karma.so');
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** The linker that build.sh once built into this tree, so that the copy does not build it again. */
async function linkerOfTree(): Promise<string | undefined> {
  const tools = await readdir(join(ROOT, '.tools')).catch((): string[] => []);
  const name = tools.find((tool) => tool.startsWith('sbpf-linker-'));
  return name === undefined ? undefined : join(ROOT, '.tools', name, 'bin', 'sbpf-linker');
}
