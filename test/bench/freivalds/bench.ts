import { checkOpenedLayer, freivaldsPoint, hash, type ModelId, projectMatrix } from '@karmesh/sdk/protocol';
import { type BenchReport, type BenchRow, benchRow, loadNow, median } from '../report.ts';

const SIZES = [
  [256, 256],
  [1024, 288],
  [2048, 2048],
] as const;
const ROUNDS = 5;
const SHIFT = 15;

/** Opened layers of 8-bit weights and 16-bit inputs: the check under an epoch's vector beside computing the layer again in doubles, which is exact here; what the vector takes is said beside. */
export async function run({ talk }: { readonly talk: (line: string) => void }): Promise<BenchReport> {
  const before = loadNow();
  const rows: BenchRow[] = [];
  for (const [m, n] of SIZES) {
    const entries = Array.from({ length: m }, (_, i) =>
      Float64Array.from({ length: n }, (_, j) => ((i * 31 + j * 17 + i * j) % 255) - 127),
    );
    const x = Int32Array.from({ length: n }, (_, j) => ((j * 4241) % 65_536) - 32_768);
    const multiply = (): Float64Array =>
      Float64Array.from(entries, (row) => {
        let sum = 0;
        for (let j = 0; j < n; j++) sum += (row[j] ?? 0) * (x[j] ?? 0);
        return sum;
      });
    const point = freivaldsPoint({
      beacon: hash(new Uint8Array(1)),
      modelId: hash() as unknown as ModelId,
      operator: 0,
    });
    const matrix = { rows: m, columns: n, row: (index: number) => entries[index] ?? [] };
    const [projecting, projected] = timed(() => projectMatrix(matrix, point), 1);
    const [computing, computed] = timed(multiply, ROUNDS);
    const sums = Array.from(computed, BigInt);
    const y = Int32Array.from(computed, (sum) => Math.floor((sum + 2 ** (SHIFT - 1)) / 2 ** SHIFT));
    const [checking, verdict] = timed(
      () => checkOpenedLayer(projected, { x, sums, y, shift: SHIFT, bits: 32 }),
      ROUNDS,
    );
    if (verdict.verdict !== 'accept') throw new Error('An honest layer was refused.');
    talk(`${m}x${n}: a vector takes ${projecting.toFixed(1)} ms, once for an epoch.`);
    rows.push(
      benchRow({
        what: `${m}x${n}: check of an opened layer`,
        ours: checking,
        rivalName: 'computing it again',
        rival: computing,
        unit: 'ms',
      }),
    );
  }
  return { bench: 'freivalds', load: `${before} before, ${loadNow()} after`, rows };
}

/** The median time in milliseconds, after one round that warms up unless there is only one. */
function timed<Result>(work: () => Result, rounds: number): readonly [number, Result] {
  let result = rounds > 1 ? work() : undefined;
  const times = Array.from({ length: rounds }, () => {
    const from = performance.now();
    result = work();
    return performance.now() - from;
  });
  return [median(times), result as Result];
}
