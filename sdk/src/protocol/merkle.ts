import { KarmeshError } from '../errors.ts';
import { compareBytes, u64le } from './bytes.ts';
import { type Codec, hasSize, struct, u64, vector } from './codec.ts';
import { type Hash, hash, hashCodec, ZERO_HASH } from './hash.ts';

/** A node of a Merkle-sum tree (T-02): a hash and what the leaves below it add up to, counter by counter. */
export interface SumNode {
  readonly hash: Hash;
  readonly sums: readonly bigint[];
}

/** The siblings of a leaf from the leaf upwards; bit i of the leaf's index says whether the node at height i is a right child. */
export type SumPath = readonly SumNode[];

/** No tree of this protocol is higher: 2^32 leaves. */
const MAX_HEIGHT = 32;
const INNER = new Uint8Array([1]);

/** T-02: height of the tree over `count` leaves, `ceil(log2(count))`. One leaf is its own root. */
export function treeHeight(count: number): number {
  let height = 0;
  while (2 ** height < count) height++;
  return height;
}

/** T-02: `H(0x01 || left || right || sums of both)`. Throws `CODEC` if a sum leaves 64 bits. */
export function sumParent(left: SumNode, right: SumNode): SumNode {
  const sums = left.sums.map((value, i) => value + (right.sums[i] ?? 0n));
  return { hash: hash(INNER, left.hash, right.hash, ...sums.map(u64le)), sums };
}

function emptyNode(counters: number): SumNode {
  return { hash: ZERO_HASH, sums: Array.from({ length: counters }, () => 0n) };
}

/** A Merkle-sum tree with all its levels, the leaves first. `leaves` may have holes (undefined): absent leaves are zero (T-02). */
export interface SumTree {
  readonly root: SumNode;
  readonly count: number;
  path(index: number): SumPath;
}

/** T-02: builds the tree over `leaves` of `counters` sums each, padded with absent leaves to a power of two. No leaf: a zero root. */
export function sumTree(leaves: readonly (SumNode | undefined)[], counters: number): SumTree {
  let empty = emptyNode(counters);
  const height = treeHeight(leaves.length);
  const levels: SumNode[][] = [Array.from({ length: 2 ** height }, (_, i) => leaves[i] ?? empty)];
  for (let level = 0; level < height; level++) {
    const below = levels[level] ?? [];
    // One node stands for every empty subtree of a level, so that a wide tree with few leaves costs few hashes.
    const absent = empty;
    const emptyParent = sumParent(absent, absent);
    const join = (left: SumNode, right: SumNode): SumNode =>
      left === absent && right === absent ? emptyParent : sumParent(left, right);
    levels.push(
      Array.from({ length: below.length / 2 }, (_, i) => join(below[2 * i] ?? absent, below[2 * i + 1] ?? absent)),
    );
    empty = emptyParent;
  }
  return {
    root: levels[height]?.[0] ?? empty,
    count: leaves.length,
    path(index) {
      if (!Number.isInteger(index) || index < 0 || index >= leaves.length) {
        throw new KarmeshError('BAD_ARGUMENT', 'A Merkle path was asked for a leaf outside of the tree.', {
          index,
          leaves: leaves.length,
        });
      }
      return levels.slice(0, height).flatMap((nodes, level) => nodes[(index >> level) ^ 1] ?? []);
    },
  };
}

/** The root that `leaf` at `index` reaches along `path`. Throws `CODEC` if a sum leaves 64 bits: for a path of a peer's, ask `reachedRoot`. */
export function sumRoot(leaf: SumNode, place: { readonly index: number; readonly path: SumPath }): SumNode {
  let node = leaf;
  for (const [level, sibling] of place.path.entries()) {
    node = Math.floor(place.index / 2 ** level) % 2 === 1 ? sumParent(sibling, node) : sumParent(node, sibling);
  }
  return node;
}

/** The root that a received path reaches, or undefined if its sums leave 64 bits: a false path, not a fault of ours. */
export function reachedRoot(
  leaf: SumNode,
  place: { readonly index: number; readonly path: SumPath },
): SumNode | undefined {
  try {
    return sumRoot(leaf, place);
  } catch (error) {
    if (error instanceof KarmeshError && error.code === 'CODEC') return undefined;
    throw error;
  }
}

/** T-02: true if the path has the tree's height, the index lies in the tree, and hash and sums reach `root`. */
export function checkSumPath(check: {
  readonly leaf: SumNode;
  readonly index: number;
  readonly count: number;
  readonly path: SumPath;
  readonly root: SumNode;
}): boolean {
  if (!Number.isInteger(check.index) || check.index < 0 || check.index >= check.count) return false;
  if (check.path.length !== treeHeight(check.count)) return false;
  const counters = check.leaf.sums.length;
  if (check.path.some((node) => node.sums.length !== counters) || check.root.sums.length !== counters) return false;
  const reached = reachedRoot(check.leaf, check);
  return (
    reached !== undefined &&
    compareBytes(reached.hash, check.root.hash) === 0 &&
    reached.sums.every((value, i) => value === check.root.sums[i])
  );
}

/** A path element of a tree with `counters` sums, as it stands in instructions and bundles. */
export function sumPathCodec(counters: number): Codec<SumPath> {
  const sums = hasSize<readonly bigint[]>(8 * counters, {
    write: (value, sink) => {
      if (value.length !== counters)
        throw new KarmeshError('CODEC', 'A Merkle node has the wrong number of sums.', {
          sums: value.length,
          counters,
        });
      for (const sum of value) u64.write(sum, sink);
    },
    read: (source) => Array.from({ length: counters }, () => source.u64()),
  });
  return vector(struct({ hash: hashCodec, sums }), MAX_HEIGHT);
}
