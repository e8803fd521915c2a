import type { CommitTensor } from '@karmesh/circuits/commitment';
import { concatBytes, encode, type Hash, type RequestId, u32 } from '@karmesh/sdk/protocol';
import type { LeafPlace, TraceTensor } from './traceShape.ts';
import type { Sha256 } from './traceTree.ts';

/** The leaf of a chunk with these bytes. */
export type LeafOf = (place: LeafPlace, tensor: TraceTensor, values: Uint8Array) => Hash;

/** What a committed run is bound to and hidden by. */
export interface CommittedRun {
  readonly requestId: RequestId;
  /** The request's blinding (F-10), 32 bytes: who has the request can compute the run's commitments, nobody else learns from them. */
  readonly blinding: Uint8Array;
}

const COMMITTED_LEAF = 2;
const BLINDING_DOMAIN = new TextEncoder().encode('karmesh:blinding');

/** leaves that commit to their values without showing them, so that proofs can speak of them. */
export function committedLeaves(
  { requestId, blinding }: CommittedRun,
  { sha256, commit }: { readonly sha256: Sha256; readonly commit: CommitTensor },
): LeafOf {
  return ({ position, tensor, chunk }, { bits, valueBytes }, values) => {
    const place = [encode(u32, position), encode(u32, tensor), encode(u32, chunk)];
    // An integer below 2^253 and so below the field's order.
    const hidden = Uint8Array.from(sha256(concatBytes(BLINDING_DOMAIN, blinding, requestId, ...place)));
    hidden[31] = (hidden[31] ?? 0) & 31;
    const commitment = commit({ values: integersOf(values, valueBytes), bits, blinding: hidden });
    return sha256(concatBytes(Uint8Array.of(COMMITTED_LEAF), requestId, ...place, commitment));
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
