import { KarmeshError } from '../errors.ts';
import { concatBytes, u32le } from './bytes.ts';
import type { Hash } from './hash.ts';
import { CHUNK_VALUES, type LeafPlace, type TraceLevel } from './traceShape.ts';

/** SHA-256. Node's own is several times faster than one in JavaScript; a page brings what it has. */
export type Sha256 = (bytes: Uint8Array) => Hash;

const LEAF = 0;
const INNER = 1;
const HASH_BYTES = 32;
const LEAF_HEAD_BYTES = 13;
// What is hashed is put together here, so that a leaf or a node costs no memory. The longest leaf fits: 4,096 values of 4 bytes.
const leafBytes = new Uint8Array(LEAF_HEAD_BYTES + 4 * CHUNK_VALUES);
const leafView = new DataView(leafBytes.buffer);
const nodeBytes = new Uint8Array(1 + 2 * HASH_BYTES).fill(INNER, 0, 1);
const DOMAIN = new TextEncoder().encode('karmesh:trace');
const LEVELS: readonly TraceLevel[] = ['blocks', 'operators', 'committed'];

/** the leaf of a chunk whose values have these bytes. */
export function traceLeaf(sha256: Sha256, { position, tensor, chunk }: LeafPlace, values: Uint8Array): Hash {
  leafView.setUint8(0, LEAF);
  leafView.setUint32(1, position, true);
  leafView.setUint32(5, tensor, true);
  leafView.setUint32(9, chunk, true);
  leafBytes.set(values, LEAF_HEAD_BYTES);
  return sha256(leafBytes.subarray(0, LEAF_HEAD_BYTES + values.length));
}

/** an inner node. */
export function traceParent(sha256: Sha256, left: Hash, right: Hash): Hash {
  nodeBytes.set(left, 1);
  nodeBytes.set(right, 1 + HASH_BYTES);
  return sha256(nodeBytes);
}

/** what a receipt commits to, from the root of the tree over all leaves of `positions` positions. */
export function traceRootOf(
  sha256: Sha256,
  trace: { readonly level: TraceLevel; readonly promptTokens: number; readonly positions: number; readonly root: Hash },
): Hash {
  const level = Uint8Array.of(LEVELS.indexOf(trace.level));
  return sha256(concatBytes(DOMAIN, level, u32le(trace.promptTokens), u32le(trace.positions), trace.root));
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
