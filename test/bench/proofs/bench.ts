import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type BenchReport, type BenchRow, benchRow, loadNow, median } from '../report.ts';
import { EZKL, openEzkl } from './ezkl.ts';
import { ezklWithin } from './ezklWithin.ts';
import { type Limits, measured, mebibytes, type Taken } from './measured.ts';
import { sumCheckRows } from './sumCheckRows.ts';
import { tokenRows } from './tokenRows.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = fileURLToPath(new URL('../../../', import.meta.url));
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
 * kernel in WebAssembly and as a program, beside ezkl with hashed inputs and outputs on the same 256 x 256, and from 2048 x 2048 on beside ezkl with as much
 * memory and time as ours takes for key, witness and proof; and the same layers by sum-check. Settings: a size such as `256x256` for that alone; `ezkl` beside
 * a size other than 256 x 256 gives ezkl 8 GiB and 20 minutes of processor time there; `token` for every operator of a token of the bundled model, which takes
 * ten minutes and 2 GiB of disk.
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
    const common = { folder, program, talk: options.talk, isEzklFree: options.settings.includes('ezkl') };
    if (options.settings.includes('token')) rows.push(...(await tokenRows({ folder, program, talk: options.talk })));
    for (const [r, c] of sizes) rows.push(...(await sizeRows({ ...common, rows: r, columns: c })));
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
/** What the setting `ezkl` gives it. */
const EZKL_MOST: Limits = { cpuSeconds: 1200, residentBytes: 8 * 2 ** 30 };

async function sizeRows(options: {
  readonly rows: number;
  readonly columns: number;
  readonly folder: string;
  readonly program: string;
  readonly isEzklFree: boolean;
  readonly talk: (line: string) => void;
}): Promise<readonly BenchRow[]> {
  const { rows, columns, folder, program, talk, isEzklFree } = options;
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
  // The prover that takes more: ezkl may take as much.
  const ours: Limits = {
    cpuSeconds: setup.cpuSeconds + cpu('witness') + Math.max(cpu('snarkjs'), cpu('wasm')),
    residentBytes: Math.max(setup.residentBytes, peak('witness'), peak('snarkjs'), peak('wasm')),
  };
  const large =
    rows >= 2048 || isEzklFree
      ? await ezklWithin({ folder, rows, columns, ours, talk, ...(isEzklFree ? { limits: EZKL_MOST } : {}) })
      : [];
  const first = { rivalName: 'snarkjs', rival: cpu('snarkjs') };
  if (rows < 4096) return [against('native', first), against('wasm', first), ...large, ...bySumCheck];
  return [
    ...large,
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

/** ezkl's setup of the 256 x 256 layer; what it gives makes one more proof. */
async function ezklLayer({ folder, talk }: { readonly folder: string; readonly talk: (line: string) => void }) {
  const ezkl = await openEzkl({ folder, rows: 256, columns: 256, talk });
  for (const name of ['model', 'compile', 'powers'] as const) await ezkl.step(name);
  const setup = await ezkl.step('setup');
  const { logrows, keyBytes } = JSON.parse((await ezkl.step('sizes')).stdout) as Record<string, number>;
  talk(`ezkl: 2^${logrows} rows, a key of ${mebibytes(keyBytes ?? 0)} in ${seconds(setup)}`);
  await ezkl.step('witness');
  return async (): Promise<Taken> => {
    const taken = await ezkl.step('prove');
    await ezkl.step('verify');
    return taken;
  };
}

function seconds({ cpuSeconds }: Taken): string {
  return `${cpuSeconds.toFixed(1)} CPU-s`;
}

function memory({ residentBytes }: Taken): string {
  return `${mebibytes(residentBytes)} of memory`;
}
