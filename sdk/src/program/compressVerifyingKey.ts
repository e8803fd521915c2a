import { KarmeshError } from '../errors.ts';

// Points of BN254 as Solana's alt_bn128 syscalls have them: coordinates of 32 bytes, big-endian, of an element of the quadratic extension the
// imaginary part first. Compressed, a point is its x with the highest bit set if y is the greater of the two.

/** A verifying key of Groth16 in half the bytes, as a transaction carries it. */
export interface CompressedKey {
  readonly alpha: Uint8Array;
  readonly beta: Uint8Array;
  readonly gamma: Uint8Array;
  readonly delta: Uint8Array;
  /** The constant's point, then each signal's. */
  readonly inputs: readonly Uint8Array[];
}

const G1_BYTES = 64;
const G2_BYTES = 128;
const COORDINATE_BYTES = 32;
const FIXED_BYTES = G1_BYTES + 3 * G2_BYTES;
const BASE_ORDER = 21888242871839275222246405745257275088696311157297823662689037894645226208583n;
const GREATER = 0x80;

/** Of the bytes that a registry names a key by (docs/proofs.md, Z-40). Throws `BAD_ARGUMENT` for another length than a key's. */
export function compressVerifyingKey(bytes: Uint8Array): CompressedKey {
  const count = (bytes.length - FIXED_BYTES) / G1_BYTES;
  if (!Number.isInteger(count) || count < 1)
    throw new KarmeshError('BAD_ARGUMENT', 'A verifying key has another length.', { bytes: bytes.length });
  const point = (from: number, length: number): Uint8Array => compressPoint(bytes.subarray(from, from + length));
  return {
    alpha: point(0, G1_BYTES),
    beta: point(G1_BYTES, G2_BYTES),
    gamma: point(G1_BYTES + G2_BYTES, G2_BYTES),
    delta: point(G1_BYTES + 2 * G2_BYTES, G2_BYTES),
    inputs: Array.from({ length: count }, (_, i) => point(FIXED_BYTES + i * G1_BYTES, G1_BYTES)),
  };
}

function compressPoint(point: Uint8Array): Uint8Array {
  const half = point.length / 2;
  const out = point.slice(0, half);
  // Of the parts of y the first that is not zero tells it from its negative; negated, a part is the order less it.
  for (let from = half; from < point.length; from += COORDINATE_BYTES) {
    const part = point.subarray(from, from + COORDINATE_BYTES).reduce((sum, byte) => (sum << 8n) + BigInt(byte), 0n);
    if (part === 0n) continue;
    if (2n * part > BASE_ORDER) out[0] = (out[0] ?? 0) | GREATER;
    break;
  }
  return out;
}
