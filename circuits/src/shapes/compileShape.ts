import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CircuitsError } from '../errors.ts';
import { type Circuit, circuitSource } from './shape.ts';

/** What circom makes of a circuit. */
export interface CompiledShape {
  /** Its constraints, without weights. */
  readonly r1cs: string;
  /** What computes a witness. */
  readonly witness: string;
  /** The wires' names, for audits. */
  readonly symbols: string;
}

const require = createRequire(import.meta.url);
const templates = fileURLToPath(new URL('../../templates/', import.meta.url));

/**
 * Compiles a circuit into `folder`, unless it is there. Files are named for the circuit and for all that they are made of, so that what other templates
 * or another circom once made is never taken for it. Throws `COMPILE_FAILED` with what circom says.
 */
export async function compileShape(
  circuit: Circuit,
  folder: string,
  { onCompile }: { readonly onCompile?: () => void } = {},
): Promise<CompiledShape> {
  const sources = await sourcesOf(circuit);
  const base = `${circuit.name}-${hashOf(sources).slice(0, 12)}`;
  const file = (ending: string): string => join(folder, `${base}.${ending}`);
  const made = { r1cs: file('r1cs'), witness: file('wasm'), symbols: file('sym') };
  if (await isThere(made.r1cs)) return made;
  onCompile?.();
  await mkdir(folder, { recursive: true });
  // circom reads what lies beside its source and nothing above.
  const work = await mkdtemp(join(folder, 'compile-'));
  try {
    for (const [name, text] of sources) await writeFile(join(work, name), text);
    await runCircom([MAIN, '--O2', '--r1cs', '--wasm', '--sym'], work);
    await rename(join(work, 'main_js', 'main.wasm'), made.witness);
    await rename(join(work, 'main.sym'), made.symbols);
    // Last, since who finds constraints takes the rest for granted.
    await rename(join(work, 'main.r1cs'), made.r1cs);
    return made;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

const MAIN = 'main.circom';

/** All files that circom reads, in an order that is the same everywhere. */
async function sourcesOf(circuit: Circuit): Promise<ReadonlyMap<string, string>> {
  const library = join(dirname(require.resolve('circomlib/package.json')), 'circuits');
  const names = (await readdir(templates)).sort();
  const constants = await readFile(join(library, 'poseidon_constants.circom'), 'utf8');
  return new Map([
    ...(await Promise.all(
      names.map(async (name): Promise<[string, string]> => [name, await readFile(join(templates, name), 'utf8')]),
    )),
    ['poseidon.circom', await readFile(join(library, 'poseidon.circom'), 'utf8')],
    ['poseidon_constants.circom', constantsOfWidth(constants, POSEIDON_WIDTH)],
    [MAIN, circuitSource(circuit)],
  ]);
}

/** SHA-256 over the compiler's version and all sources, in hexadecimal. */
function hashOf(sources: ReadonlyMap<string, string>): string {
  const { version } = require('circom2/package.json') as { readonly version: string };
  return createHash('sha256')
    .update(JSON.stringify([version, ...sources]))
    .digest('hex');
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Elements of the state of the one hash that circuits use. */
const POSEIDON_WIDTH = 13;

/** circomlib’s constants of one width alone: with all of them every witness program is three megabytes longer. */
function constantsOfWidth(source: string, width: number): string {
  const functions = source.split(/^(?=function )/m);
  const [head = '', ...bodies] = functions;
  return [
    head,
    ...bodies.map((body) => {
      const name = /^function (\w+)/.exec(body)?.[1] ?? '';
      const constants = new RegExp(`if \\(t ?== ?${width}\\) \\{\\s*return([^;]*);`).exec(body)?.[1];
      if (constants === undefined)
        throw new CircuitsError('COMPILE_FAILED', 'circomlib’s constants have another form than expected.', { name });
      return `function ${name}(t) {\n    assert(t == ${width});\n    return ${constants};\n}\n`;
    }),
  ].join('');
}

async function runCircom(args: readonly string[], cwd: string): Promise<void> {
  try {
    await promisify(execFile)(process.execPath, [require.resolve('circom2/cli.js'), ...args], { cwd });
  } catch (cause) {
    const { stdout = '', stderr = '' } = cause as { readonly stdout?: string; readonly stderr?: string };
    const said = `${stdout}\n${stderr}`.replaceAll(/\[[0-9;]*m/g, '').trim();
    throw new CircuitsError('COMPILE_FAILED', 'circom does not compile the circuit.', { said }, cause);
  }
}
