import { concatBytes, u32le } from './bytes.ts';
import { type Hash, hash } from './hash.ts';
import type { RequestId } from './ids.ts';
import type { LeafPlace } from './traceShape.ts';
import type { Sha256 } from './traceTree.ts';

/** What a committed run is bound to and hidden by. */
export interface CommittedRun {
  readonly requestId: RequestId;
  /** The request's blinding (F-10), 32 bytes: who has the request can compute the run's commitments, nobody else learns from them. */
  readonly blinding: Uint8Array;
}

const COMMITTED_LEAF = 2;
const BLINDING_DOMAIN = new TextEncoder().encode('karmesh:blinding');

function placeBytes({ position, tensor, chunk }: LeafPlace): Uint8Array {
  return concatBytes(u32le(position), u32le(tensor), u32le(chunk));
}

/** what hides a chunk: 32 bytes, a little-endian integer below 2^253 and so below the field's order. */
export function tensorBlinding(
  { requestId, blinding }: CommittedRun,
  place: LeafPlace,
  sha256: Sha256 = hash,
): Uint8Array {
  const hidden = Uint8Array.from(sha256(concatBytes(BLINDING_DOMAIN, blinding, requestId, placeBytes(place))));
  hidden[31] = (hidden[31] ?? 0) & 31;
  return hidden;
}

/** the leaf of a chunk with this commitment. */
export function committedLeaf(
  leaf: { readonly requestId: RequestId; readonly place: LeafPlace; readonly commitment: Uint8Array },
  sha256: Sha256 = hash,
): Hash {
  return sha256(concatBytes(Uint8Array.of(COMMITTED_LEAF), leaf.requestId, placeBytes(leaf.place), leaf.commitment));
}
