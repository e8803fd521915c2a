import { CircuitsError } from '../errors.ts';
import type { Weights } from '../r1cs/appendRows.ts';

/** W x + b, exact. Throws `BAD_INPUT` for a vector of another length. */
export function matrixSums({ rows, columns, row, bias }: Weights, x: readonly bigint[]): readonly bigint[] {
  if (x.length !== columns) throw new CircuitsError('BAD_INPUT', 'A matrix reads a vector of its width.', { columns });
  const small = x.map(Number);
  const largest = small.reduce((top, value) => Math.max(top, Math.abs(value)), 0);
  return Array.from({ length: rows }, (_, i) => {
    const entries = row(i);
    const added = bias?.(i) ?? 0;
    let magnitude = Math.abs(added);
    let sum = added;
    for (let j = 0; j < columns; j++) {
      const entry = entries[j] ?? 0;
      magnitude += Math.abs(entry) * largest;
      sum += entry * (small[j] ?? 0);
    }
    // Below that no sum was rounded on its way.
    if (magnitude < 2 ** 53) return BigInt(sum);
    let exact = BigInt(added);
    for (let j = 0; j < columns; j++) {
      const entry = entries[j] ?? 0;
      if (entry !== 0) exact += BigInt(entry) * (x[j] ?? 0n);
    }
    return exact;
  });
}
