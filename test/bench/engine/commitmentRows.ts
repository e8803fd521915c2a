import { openTensorCommitter } from '@karmesh/circuits';
import { commitWithCircomlib } from '../../../circuits/src/commitment/commitWithCircomlib.ts';
import { type BenchRow, benchRow, median } from '../report.ts';

const ROUNDS = 15;
const WARM_UP = 3;
/** Commitments of one round. */
const PER_ROUND = 20;

/** What a commitment to a residual of the bundled model takes, beside the same one with circomlibjs' Poseidon. Rounds alternate. */
export async function commitmentRows(): Promise<readonly BenchRow[]> {
  const committers = { ours: await openTensorCommitter(), circomlibjs: await commitWithCircomlib() };
  const opening = {
    values: Int32Array.from({ length: 256 }, (_, i) => i * 1_000_003),
    bits: 32,
    blinding: new Uint8Array(32).fill(1),
  };
  const times = { ours: [] as number[], circomlibjs: [] as number[] };
  for (let round = 0; round < WARM_UP + ROUNDS; round++) {
    for (const name of ['ours', 'circomlibjs'] as const) {
      const began = performance.now();
      for (let i = 0; i < PER_ROUND; i++) committers[name](opening);
      if (round >= WARM_UP) times[name].push(((performance.now() - began) * 1000) / PER_ROUND);
    }
  }
  return [
    benchRow({
      what: 'a Poseidon commitment to 256 values of 32 bits',
      ours: median(times.ours),
      rivalName: 'circomlibjs',
      rival: median(times.circomlibjs),
      unit: 'us',
    }),
  ];
}
