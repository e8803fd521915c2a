import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
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

/** Compiles a circuit into `folder`/NAME.{r1cs,wasm,sym}. Throws `COMPILE_FAILED` with what circom says. */
export async function compileShape(circuit: Circuit, folder: string): Promise<CompiledShape> {
  await mkdir(folder, { recursive: true });
  // circom reads what lies beside its source and nothing above.
  const work = await mkdtemp(join(folder, 'compile-'));
  const { name } = circuit;
  try {
    const library = join(dirname(require.resolve('circomlib/package.json')), 'circuits');
    for (const file of await readdir(templates)) await copyFile(join(templates, file), join(work, file));
    await copyFile(join(library, 'poseidon.circom'), join(work, 'poseidon.circom'));
    const constants = await readFile(join(library, 'poseidon_constants.circom'), 'utf8');
    await writeFile(join(work, 'poseidon_constants.circom'), constantsOfWidth(constants, POSEIDON_WIDTH));
    await writeFile(join(work, `${name}.circom`), circuitSource(circuit));
    await runCircom([`${name}.circom`, '--O2', '--r1cs', '--wasm', '--sym'], work);
    const made = {
      r1cs: join(folder, `${name}.r1cs`),
      witness: join(folder, `${name}.wasm`),
      symbols: join(folder, `${name}.sym`),
    };
    await rename(join(work, `${name}_js`, `${name}.wasm`), made.witness);
    await rename(join(work, `${name}.sym`), made.symbols);
    // Last, since who finds constraints takes the rest for granted.
    await rename(join(work, `${name}.r1cs`), made.r1cs);
    return made;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
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
