import type { Shape, Weights } from '@karmesh/circuits';

/** A layer of 8-bit weights and inputs, the same for the same size. */
export interface BenchLayer {
  readonly shape: Shape & { readonly kind: 'linear' };
  readonly weights: Weights;
  readonly x: Int32Array;
}

export function benchLayer(rows: number, columns: number): BenchLayer {
  const x = bytesOf(columns, 1);
  // Sums are below columns x 2^14, so that no result is beyond 8 bits.
  const shift = Math.ceil(Math.log2(columns)) + 8;
  return {
    shape: { kind: 'linear', rows, columns, inputBits: 8, shift, outputBits: 8 },
    weights: { rows, columns, row: (index) => bytesOf(columns, index + 2) },
    x,
  };
}

/** Integers from -127 to 127 out of xorshift. */
function bytesOf(count: number, seed: number): Int32Array {
  let state = (seed * 2_654_435_769) >>> 0 || 1;
  return Int32Array.from({ length: count }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return ((state >>> 0) % 255) - 127;
  });
}
