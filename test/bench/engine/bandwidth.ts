import { instantiateKernels, MEMORY_PAGES } from '../../../node/src/engines/exact/stages/kernels.ts';
import { compileKernels } from '../../../node/src/engines/exact/stages/loadStages.ts';
import { type BenchRow, benchRow, median } from '../report.ts';
import { matrixInMemory } from './matrixInMemory.ts';

const ROWS = 65_536;
const COLUMNS = 2048;
const ROUNDS = 15;
const WARM_UP = 3;

/** How fast weights that fit into no cache go through a linear layer, beside a copy of as many bytes. Rounds alternate. */
export async function bandwidthRows(): Promise<readonly BenchRow[]> {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: MEMORY_PAGES });
  const kernels = await instantiateKernels(await compileKernels('simd'), memory);
  const multiply = matrixInMemory({ memory, kernels }, { rows: ROWS, columns: COLUMNS });
  const bytes = ROWS * COLUMNS;
  const source = new Uint8Array(bytes).fill(1);
  const target = new Uint8Array(bytes).fill(2);
  const jobs = { narrow: () => multiply(1), wide: () => multiply(2), copy: () => target.set(source) };
  const times = { narrow: [] as number[], wide: [] as number[], copy: [] as number[] };
  for (let round = 0; round < WARM_UP + ROUNDS; round++) {
    for (const name of ['narrow', 'wide', 'copy'] as const) {
      const began = performance.now();
      jobs[name]();
      if (round >= WARM_UP) times[name].push(performance.now() - began);
    }
  }
  const speed = (name: keyof typeof times): number => bytes / median(times[name]) / 1e6;
  const row = (variant: 'narrow' | 'wide', aim: { readonly atLeast?: number }): BenchRow =>
    benchRow({
      what: `weights read by a linear layer, 128 MiB, ${variant}`,
      ours: speed(variant),
      rivalName: 'memory copy, bytes copied',
      rival: speed('copy'),
      unit: 'GB/s',
      ...aim,
    });
  return [row('narrow', { atLeast: 0.6 }), row('wide', {})];
}
