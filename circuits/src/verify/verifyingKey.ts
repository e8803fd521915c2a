import { bn254 } from '@noble/curves/bn254.js';
import { CircuitsError } from '../errors.ts';
import { type G1, G1_BYTES, type G2, G2_BYTES, readG1, readG2 } from './points.ts';

/** A Groth16 verifying key. Its bytes are alpha, beta, gamma, delta and then one point for the constant and each public signal, as in `points.ts`. */
export interface VerifyingKey {
  readonly bytes: Uint8Array;
  readonly alpha: G1;
  readonly beta: G2;
  readonly gamma: G2;
  readonly delta: G2;
  /** The constant's point, then each signal's. */
  readonly inputs: readonly G1[];
}

const FIXED_BYTES = G1_BYTES + 3 * G2_BYTES;

/**
 * Z-20: reads a key. Throws `KEY_INVALID` for bytes of another length, a point that is not on its curve, outside of its group or zero, and for a key whose
 * gamma is its delta: one that no second phase went into, under which anyone can make proofs.
 */
export function readVerifyingKey(bytes: Uint8Array): VerifyingKey {
  const count = (bytes.length - FIXED_BYTES) / G1_BYTES;
  if (!Number.isInteger(count) || count < 1)
    throw new CircuitsError('KEY_INVALID', 'A verifying key has another length.', { bytes: bytes.length });
  const read = <Point>(parse: (bytes: Uint8Array) => Point | undefined, from: number, length: number): Point => {
    const point = parse(bytes.subarray(from, from + length));
    if (point === undefined)
      throw new CircuitsError('KEY_INVALID', 'A point of a verifying key is not in its group.', { at: from });
    return point;
  };
  const key = {
    bytes,
    alpha: read(readG1, 0, G1_BYTES),
    beta: read(readG2, G1_BYTES, G2_BYTES),
    gamma: read(readG2, G1_BYTES + G2_BYTES, G2_BYTES),
    delta: read(readG2, G1_BYTES + 2 * G2_BYTES, G2_BYTES),
    inputs: Array.from({ length: count }, (_, i) => read(readG1, FIXED_BYTES + i * G1_BYTES, G1_BYTES)),
  };
  if (key.gamma.equals(key.delta))
    throw new CircuitsError('KEY_INVALID', 'A key whose gamma is its delta lets anyone make proofs.');
  const { G1, G2 } = bn254;
  if (
    [key.beta, key.gamma, key.delta].some((point) => point.equals(G2.Point.ZERO)) ||
    [key.alpha, ...key.inputs].some((point) => point.equals(G1.Point.ZERO))
  )
    throw new CircuitsError('KEY_INVALID', 'No point of a key is zero.');
  return key;
}
