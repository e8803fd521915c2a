import type { CommitTensor } from '@karmesh/circuits/commitment';
import {
  type CommittedRun,
  committedLeaf,
  type Hash,
  type LeafPlace,
  type Sha256,
  type TraceTensor,
  tensorBlinding,
} from '@karmesh/sdk/protocol';

/** The leaf of a chunk with these bytes. */
export type LeafOf = (place: LeafPlace, tensor: TraceTensor, values: Uint8Array) => Hash;

/** leaves that commit to their values without showing them, so that proofs can speak of them. */
export function committedLeaves(
  run: CommittedRun,
  { sha256, commit }: { readonly sha256: Sha256; readonly commit: CommitTensor },
): LeafOf {
  return (place, { bits, valueBytes }, bytes) => {
    const values = integersOf(bytes, valueBytes);
    const commitment = commit({ values, bits, blinding: tensorBlinding(run, place, sha256) });
    return committedLeaf({ requestId: run.requestId, place, commitment }, sha256);
  };
}

function integersOf(bytes: Uint8Array, valueBytes: 2 | 4): Int32Array {
  const { buffer, byteOffset, length } = bytes;
  const count = length / valueBytes;
  // Kernels place every tensor at a multiple of its values' width.
  return valueBytes === 4
    ? new Int32Array(buffer, byteOffset, count)
    : Int32Array.from(new Int16Array(buffer, byteOffset, count));
}
