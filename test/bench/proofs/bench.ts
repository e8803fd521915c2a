import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type BenchReport, type BenchRow, benchRow, loadNow, median } from '../report.ts';
import { benchLayer } from './layer.ts';
import { measured, mebibytes, type Taken } from './measured.ts';
import { sumCheckRows } from './sumCheckRows.ts';
import { tokenRows } from './tokenRows.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = fileURLToPath(new URL('../../../', import.meta.url));
const EZKL = '23.0.5';
const SIZES = [
  [256, 256],
  [1024, 288],
  [2048, 2048],
  [4096, 4096],
] as const;

/** What the step `setup` says. */
interface SetupSaid {
  readonly constraints: number;
  readonly keyBytes: number;
  readonly zkey: string;
}

const step = (...args: readonly string[]): Promise<Taken> =>
  measured([process.execPath, '--disable-warning=ExperimentalWarning', join(here, 'step.ts'), ...args]);

/**
 * Layers of 8-bit weights as committed inputs and outputs, each step in a process of its own (its start included), in processor seconds: snarkjs, the
 * kernel in WebAssembly and as a program, beside ezkl with hashed inputs and outputs on the same 256 x 256; and the same layers by sum-check. Settings: a size such as `256x256`
 * for that alone; `token` for every operator of a token of the bundled model, which takes ten minutes and 2 GiB of disk.
 */
export async function run(options: {
  readonly talk: (line: string) => void;
  readonly settings: readonly string[];
}): Promise<BenchReport> {
  const before = loadNow();
  const folder = await mkdtemp(join(tmpdir(), 'karmesh-proofs-'));
  try {
    const program = await nativeProgram(options.talk);
    const sizes = SIZES.filter(([r, c]) => options.settings.length === 0 || options.settings.includes(`${r}x${c}`));
    const rows: BenchRow[] = [];
    if (options.settings.includes('token')) rows.push(...(await tokenRows({ folder, program, talk: options.talk })));
    for (const [r, c] of sizes)
      rows.push(...(await sizeRows({ rows: r, columns: c, folder, program, talk: options.talk })));
    return { bench: 'proofs', load: `${before} before, ${loadNow()} after`, rows };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function nativeProgram(talk: (line: string) => void): Promise<string> {
  talk('Building the prover as a program …');
  await promisify(execFile)(join(root, 'circuits/native/build.sh'), ['--program'], { maxBuffer: 1 << 24 });
  return join(root, 'circuits/native/target/release/karmesh-prover');
}

const ROUNDS = 3;

async function sizeRows(options: {
  readonly rows: number;
  readonly columns: number;
  readonly folder: string;
  readonly program: string;
  readonly talk: (line: string) => void;
}): Promise<readonly BenchRow[]> {
  const { rows, columns, folder, program, talk } = options;
  const size = `${rows}x${columns}`;
  const call = [folder, String(rows), String(columns)] as const;
  const setup = await step('setup', ...call);
  const { constraints, keyBytes, zkey } = JSON.parse(setup.stdout) as SetupSaid;
  talk(
    `${size}: ${constraints} constraints, a key of ${mebibytes(keyBytes)} in ${seconds(setup)} (INSECURE DEVELOPMENT KEY, circuit compiled), ${memory(setup)}`,
  );
  await step('statement', ...call);
  const ezkl = rows === 256 ? await ezklLayer({ folder, talk }) : undefined;
  const verified: number[] = [];
  const taken: Record<'witness' | 'snarkjs' | 'wasm' | 'native' | 'ezkl', Taken[]> = {
    witness: [],
    snarkjs: [],
    wasm: [],
    native: [],
    ezkl: [],
  };
  const rounds = rows > 2048 ? 1 : ROUNDS;
  for (let round = 0; round < rounds; round++) {
    taken.witness.push(await step('witness', ...call));
    for (const name of ['snarkjs', 'wasm', 'native'] as const) {
      const at = (file: string): string => zkey.replace(/-[0-9a-f]{16}\.insecure\.zkey$/, `.${file}`);
      const files = [at('wtns'), at('proof'), at('public')];
      taken[name].push(
        await (name === 'native' ? measured([program, 'prove', zkey, ...files]) : step(name, ...call, zkey)),
      );
      verified.push(Number((await step('verify', ...call, zkey)).stdout));
    }
    if (ezkl !== undefined) taken.ezkl.push(await ezkl());
  }
  const cpu = (name: keyof typeof taken): number => median(taken[name].map(({ cpuSeconds }) => cpuSeconds));
  const peak = (name: keyof typeof taken): number => Math.max(...taken[name].map(({ residentBytes }) => residentBytes));
  talk(
    `${size}: witness ${cpu('witness').toFixed(2)} s, verify ${median(verified).toFixed(3)} s, memory of snarkjs ${mebibytes(peak('snarkjs'))}, wasm ${mebibytes(peak('wasm'))}, program ${mebibytes(peak('native'))}`,
  );
  const against = (
    name: 'snarkjs' | 'wasm' | 'native',
    rival: { readonly rivalName: string; readonly rival: number; readonly atMost?: number },
  ): BenchRow => benchRow({ what: `proving ${size}, ${PROVERS[name]}`, ours: cpu(name), unit: 'CPU-s', ...rival });
  const constants = { constraints, keyBytes, native: cpu('native'), snarkjs: cpu('snarkjs') };
  const bySumCheck = await sumCheckRows({ rows, columns, folder, program, rounds, rival: constants, talk });
  if (taken.ezkl.length > 0) {
    const rival = { rivalName: `ezkl ${EZKL}`, rival: cpu('ezkl') };
    talk(`${size}: memory of ezkl ${mebibytes(peak('ezkl'))}`);
    return [
      against('snarkjs', { ...rival, atMost: 0.1 }),
      against('native', { ...rival, atMost: 0.0167 }),
      against('wasm', rival),
      ...bySumCheck,
    ];
  }
  const first = { rivalName: 'snarkjs', rival: cpu('snarkjs') };
  if (rows < 4096) return [against('native', first), against('wasm', first), ...bySumCheck];
  return [
    against('snarkjs', { rivalName: 'the aim', rival: 20, atMost: 1 }),
    against('native', { rivalName: 'the aim', rival: 4, atMost: 1 }),
    against('wasm', first),
    benchRow({
      what: `memory of proving ${size}, snarkjs`,
      ours: peak('snarkjs') / 2 ** 30,
      rivalName: 'the aim',
      rival: 2,
      unit: 'GiB',
      atMost: 1,
    }),
    ...bySumCheck,
  ];
}

const PROVERS = { snarkjs: 'snarkjs', wasm: 'kernel in WebAssembly', native: 'kernel as a program' };

/** Sets up ezkl in .tools and its proof of the same layer; what it gives makes one more proof. */
async function ezklLayer({ folder, talk }: { readonly folder: string; readonly talk: (line: string) => void }) {
  const tools = join(root, '.tools', `ezkl-${EZKL}`);
  const python = join(tools, 'bin', 'python');
  if (!existsSync(python)) {
    talk('Installing ezkl …');
    await promisify(execFile)('python3', ['-m', 'venv', tools]);
    await promisify(execFile)(python, ['-m', 'pip', 'install', '--quiet', `ezkl==${EZKL}`, 'onnx', 'numpy']);
  }
  const { weights, x } = benchLayer(256, 256);
  const work = join(folder, 'ezkl');
  await mkdir(work);
  const flat = Array.from({ length: 256 }, (_, i) => Array.from(weights.row(i))).flat();
  await writeFile(
    join(work, 'layer.json'),
    JSON.stringify({ rows: 256, columns: 256, weights: flat, x: Array.from(x) }),
  );
  const ezklStep = (name: string): Promise<Taken> => measured([python, join(here, 'ezkl_step.py'), work, name]);
  await ezklStep('prepare');
  const setup = await ezklStep('setup');
  const { logrows, keyBytes } = JSON.parse((await ezklStep('sizes')).stdout) as Record<string, number>;
  talk(`ezkl: 2^${logrows} rows, a key of ${mebibytes(keyBytes ?? 0)} in ${seconds(setup)}`);
  await ezklStep('witness');
  return async (): Promise<Taken> => {
    const taken = await ezklStep('prove');
    await ezklStep('verify');
    return taken;
  };
}

function seconds({ cpuSeconds }: Taken): string {
  return `${cpuSeconds.toFixed(1)} CPU-s`;
}

function memory({ residentBytes }: Taken): string {
  return `${mebibytes(residentBytes)} of memory`;
}
