import { KarmeshError } from '@karmesh/sdk/errors';
import { concatBytes, encode, type Hash, u32 } from '@karmesh/sdk/protocol';
import type { LeafPlace, TraceLevel } from './traceShape.ts';

/** SHA-256. Node's own is several times faster than one in JavaScript; a page brings what it has. */
export type Sha256 = (bytes: Uint8Array) => Hash;

const LEAF = 0;
const INNER = 1;
const HASH_BYTES = 32;
const DOMAIN = new TextEncoder().encode('karmesh:trace');
const LEVELS: readonly TraceLevel[] = ['blocks', 'operators'];

/** the leaf of a chunk whose values have these bytes. */
export function traceLeaf(sha256: Sha256, { position, tensor, chunk }: LeafPlace, values: Uint8Array): Hash {
  const bytes = new Uint8Array(13 + values.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, LEAF);
  view.setUint32(1, position, true);
  view.setUint32(5, tensor, true);
  view.setUint32(9, chunk, true);
  bytes.set(values, 13);
  return sha256(bytes);
}

/** an inner node. */
export function traceParent(sha256: Sha256, left: Hash, right: Hash): Hash {
  const bytes = new Uint8Array(1 + 2 * HASH_BYTES);
  bytes[0] = INNER;
  bytes.set(left, 1);
  bytes.set(right, 1 + HASH_BYTES);
  return sha256(bytes);
}

/** what a receipt commits to, from the root of the tree over all leaves of `positions` positions. */
export function traceRootOf(
  sha256: Sha256,
  trace: { readonly level: TraceLevel; readonly promptTokens: number; readonly positions: number; readonly root: Hash },
): Hash {
  const level = Uint8Array.of(LEVELS.indexOf(trace.level));
  return sha256(concatBytes(DOMAIN, level, encode(u32, trace.promptTokens), encode(u32, trace.positions), trace.root));
}

/** Where a node stands: height 0 are the leaves. */
export interface NodePlace {
  readonly height: number;
  readonly index: number;
}

/** A Merkle tree over leaves in order, X-71. */
export interface TraceTree {
  readonly leaves: number;
  readonly height: number;
  readonly root: Hash;
  /** Throws `BAD_ARGUMENT` for a node that the tree does not have. */
  node(place: NodePlace): Hash;
}

/** Builds the tree over `count` >= 1 leaf hashes that stand one behind the other. */
export function traceTree(sha256: Sha256, leaves: Uint8Array, count: number): TraceTree {
  if (count < 1 || leaves.length < count * HASH_BYTES)
    throw new KarmeshError('BAD_ARGUMENT', 'A trace has at least one leaf.', { leaves: count });
  const levels: { readonly hashes: Uint8Array; readonly count: number }[] = [{ hashes: leaves, count }];
  for (let below = levels[0]; below !== undefined && below.count > 1; below = levels.at(-1)) {
    const above = {
      hashes: new Uint8Array(Math.ceil(below.count / 2) * HASH_BYTES),
      count: Math.ceil(below.count / 2),
    };
    for (let i = 0; i < above.count; i++) {
      const left = hashAt(below.hashes, 2 * i);
      const parent = 2 * i + 1 < below.count ? traceParent(sha256, left, hashAt(below.hashes, 2 * i + 1)) : left;
      above.hashes.set(parent, i * HASH_BYTES);
    }
    levels.push(above);
  }
  const node: TraceTree['node'] = ({ height, index }) => {
    const level = levels[height];
    if (level === undefined || index < 0 || index >= level.count)
      throw new KarmeshError('BAD_ARGUMENT', 'A trace has no node there.', { height, index });
    return hashAt(level.hashes, index).slice();
  };
  const height = levels.length - 1;
  return { leaves: count, height, root: node({ height, index: 0 }), node };
}

function hashAt(hashes: Uint8Array, index: number): Hash {
  return hashes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);
}
