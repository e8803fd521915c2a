import { sha256 } from '@noble/hashes/sha2.js';
import { CircuitsError } from '../errors.ts';
import type { Weights } from '../r1cs/appendRows.ts';
import type { SumCheckShape } from '../shapes/shape.ts';
import { integersOf } from './integersOf.ts';

/** A matrix that statements name by its digest. Only `digestMatrix` makes one; a digest from elsewhere binds no weights. */
export interface DigestedMatrix {
  readonly shape: SumCheckShape;
  readonly weights: Weights;
  /** Z-71, below the field's order. */
  readonly digest: bigint;
}

/** Of rows, and of columns: as many as the circuit takes. It bounds what checking a proof costs. */
const LARGEST_SIDE = 2 ** 15;

/**
 * Z-71: the digest of a matrix as X-22 and Z-11 have it: every weight and every bias, and the shape whose circuit reads them. It takes a second for sixteen million weights, once for a matrix.
 * Throws `BAD_INPUT` for a matrix of another shape and for an entry that is no integer below 2^53.
 */
export function digestMatrix(shape: SumCheckShape, weights: Weights): DigestedMatrix {
  const { rows, columns, inputBits, shift, outputBits } = shape;
  if (weights.rows !== rows || weights.columns !== columns)
    throw new CircuitsError('BAD_INPUT', 'The matrix has another shape than its circuit.', { rows, columns });
  if (Math.max(rows, columns) > LARGEST_SIDE)
    throw new CircuitsError('BAD_INPUT', 'A matrix has at most 2^15 rows and columns.', { rows, columns });
  const hash = sha256.create().update(new TextEncoder().encode('karmesh:matrix'));
  hash.update(bytesOfIntegers(Float64Array.of(rows, columns, inputBits, shift, outputBits)));
  for (let i = 0; i < rows; i++) {
    hash.update(bytesOfIntegers(integersOf(weights.row(i), columns)));
    hash.update(bytesOfIntegers(integersOf([weights.bias?.(i) ?? 0], 1)));
  }
  const bytes = hash.digest();
  const digest = bytes.reduce((sum, byte) => (sum << 8n) + BigInt(byte), 0n);
  return { shape, weights, digest: BigInt.asUintN(253, digest) };
}

/** Eight bytes each, two's complement, little-endian. */
function bytesOfIntegers(values: Float64Array): Uint8Array {
  const bytes = new Uint8Array(8 * values.length);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0;
    const high = Math.floor(value / 2 ** 32);
    view.setUint32(8 * i, value - high * 2 ** 32, true);
    view.setInt32(8 * i + 4, high, true);
  }
  return bytes;
}
