import { fileURLToPath } from 'node:url';
import { type BenchRow, benchRow, median } from '../report.ts';
import { measured, mebibytes, type Taken } from './measured.ts';

const script = fileURLToPath(new URL('sumCheckStep.ts', import.meta.url));

/** What the same layer takes with its weights as constants. */
export interface ConstantsTake {
  readonly constraints: number;
  readonly keyBytes: number;
  /** Processor seconds of a proof. */
  readonly native: number;
  readonly snarkjs: number;
}

export interface SumCheckRowsOptions {
  readonly rows: number;
  readonly columns: number;
  readonly folder: string;
  readonly program: string;
  readonly rounds: number;
  readonly rival: ConstantsTake;
  readonly talk: (line: string) => void;
}

/** A layer by sum-check, one key for all matrices of its shape, beside the same one whose key has the weights as constants. */
export async function sumCheckRows(options: SumCheckRowsOptions): Promise<readonly BenchRow[]> {
  const { rows, columns, folder, program, rounds, rival, talk } = options;
  const size = `${rows}x${columns}`;
  const step = (name: string, zkey = ''): Promise<Taken> =>
    measured([
      process.execPath,
      '--disable-warning=ExperimentalWarning',
      ...[script, name, folder, String(rows), String(columns), zkey],
    ]);
  const setup = await step('setup');
  const { constraints, keyBytes, zkey } = JSON.parse(setup.stdout) as ConstantsTake & { readonly zkey: string };
  const digest = Number((await step('digest')).stdout);
  const taken: Record<'witness' | 'snarkjs' | 'native', number[]> = { witness: [], snarkjs: [], native: [] };
  const checks: { readonly verify: number; readonly evaluate: number; readonly again: number }[] = [];
  for (let round = 0; round < rounds; round++) {
    taken.witness.push((await step('witness')).cpuSeconds);
    if (rows === 256) taken.snarkjs.push((await step('snarkjs', zkey)).cpuSeconds);
    const files = ['wtns', 'proof', 'public'].map((ending) =>
      zkey.replace(/-[0-9a-f]{16}\.insecure\.zkey$/, `.${ending}`),
    );
    taken.native.push((await measured([program, 'prove', zkey, ...files])).cpuSeconds);
    checks.push(JSON.parse((await step('verify', zkey)).stdout));
  }
  const checked = (name: 'verify' | 'evaluate' | 'again'): number => median(checks.map((check) => check[name]));
  talk(
    `${size} by sum-check: ${constraints} constraints, a key of ${mebibytes(keyBytes)} in ${setup.cpuSeconds.toFixed(1)} CPU-s, once for all matrices (INSECURE DEVELOPMENT KEY, circuit compiled); digest of a matrix ${digest.toFixed(2)} s, witness ${median(taken.witness).toFixed(2)} s, verify ${checked('verify').toFixed(3)} s`,
  );
  const beside = { rivalName: 'weights as constants' };
  return [
    benchRow({
      what: `constraints of ${size} by sum-check`,
      ours: constraints,
      ...beside,
      rival: rival.constraints,
      unit: '',
    }),
    benchRow({
      what: `key of ${size} by sum-check`,
      ours: keyBytes / 2 ** 20,
      ...beside,
      rival: rival.keyBytes / 2 ** 20,
      unit: 'MiB',
    }),
    ...(['native', 'snarkjs'] as const)
      .filter((name) => taken[name].length > 0)
      .map((name) =>
        benchRow({
          what: `proving ${size} by sum-check, ${name === 'native' ? 'kernel as a program' : name}`,
          ours: median(taken[name]),
          ...beside,
          rival: rival[name],
          unit: 'CPU-s',
        }),
      ),
    benchRow({
      what: `evaluating ${size} at a point`,
      ours: checked('evaluate'),
      ...(rows < 4096
        ? { rivalName: 'computing the layer again', rival: checked('again') }
        : { rivalName: 'the aim', rival: 2, atMost: 1 }),
      unit: 'CPU-s',
    }),
  ];
}
