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
const MAX_U64 = (1n << 64n) - 1n;

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

/** A Merkle-sum tree. `leaves` may have holes (undefined): absent leaves are zero (T-02). */
export interface SumTree {
  readonly root: SumNode;
  readonly count: number;
  path(index: number): SumPath;
}

/** One level of a tree, packed: a set of a million leaves as objects would take a gigabyte. */
interface Level {
  readonly hashes: Uint8Array;
  readonly sums: BigUint64Array;
  /** 1 for a node with a leaf below it; any other one is `empty`. */
  readonly present: Uint8Array;
  /** Nodes that are kept; those behind them, up to the level's width, are `empty`. */
  readonly count: number;
  /** What stands for every subtree of this height without a leaf. */
  readonly empty: SumNode;
}

const HASH_BYTES = 32;

/** Leaves of one block of a long tree, as a height. */
const BLOCK_HEIGHT = 8;

/** T-02: builds the tree over `leaves` of `counters` sums each, padded with absent leaves to a power of two. No leaf: a zero root. */
export function sumTree(leaves: readonly (SumNode | undefined)[], counters: number): SumTree {
  const { length: count } = leaves;
  const levels = levelsOver({ first: 0, count, height: treeHeight(count), leaf: (index) => leaves[index] }, counters);
  return {
    root: rootOf(levels, counters),
    count,
    path(index) {
      checkIndex(index, count);
      return pathIn(levels, index, counters);
    },
  };
}

/**
 * The same over leaves that can be made again: only the levels above blocks of 256 leaves are kept, 1 in 256 of what `sumTree` keeps, and
 * a path makes the leaves of its block once more. `leaf` has to give the same node each time. Throws `CODEC` if a sum leaves 64 bits.
 */
export function sumTreeOf(
  leaves: { readonly count: number; readonly leaf: (index: number) => SumNode | undefined },
  counters: number,
): SumTree {
  const { count, leaf } = leaves;
  const height = Math.min(BLOCK_HEIGHT, treeHeight(count));
  const width = 2 ** height;
  const blockOf = (first: number): readonly Level[] =>
    levelsOver({ first, count: Math.min(width, count - first), height, leaf }, counters);
  const bases = Array.from({ length: Math.ceil(count / width) }, (_, block) => blockOf(block * width)[height]);
  const levels = levelsAbove(joinLevels(bases, counters), treeHeight(count) - height, counters);
  return {
    root: rootOf(levels, counters),
    count,
    path(index) {
      checkIndex(index, count);
      const place = index % width;
      return [
        ...pathIn(blockOf(index - place), place, counters),
        ...pathIn(levels, Math.floor(index / width), counters),
      ];
    },
  };
}

function checkIndex(index: number, count: number): void {
  if (Number.isInteger(index) && index >= 0 && index < count) return;
  throw new KarmeshError('BAD_ARGUMENT', 'A Merkle path was asked for a leaf outside of the tree.', {
    index,
    leaves: count,
  });
}

/** The siblings in all levels but the highest. */
function pathIn(levels: readonly Level[], index: number, counters: number): SumNode[] {
  return levels.slice(0, -1).map((nodes, level) => nodeAt(nodes, (index >> level) ^ 1, counters));
}

function rootOf(levels: readonly Level[], counters: number): SumNode {
  const top = levels.at(-1);
  return top === undefined ? emptyNode(counters) : nodeAt(top, 0, counters);
}

/** `height + 1` levels, the leaves first. */
function levelsOver(
  leaves: {
    readonly first: number;
    readonly count: number;
    readonly height: number;
    readonly leaf: (index: number) => SumNode | undefined;
  },
  counters: number,
): readonly Level[] {
  return levelsAbove(leafLevel(leaves, counters), leaves.height, counters);
}

function levelsAbove(lowest: Level, height: number, counters: number): readonly Level[] {
  const levels = [lowest];
  let below = lowest;
  for (let level = 0; level < height; level++) {
    below = levelAbove(below, counters);
    levels.push(below);
  }
  return levels;
}

/** The highest levels of blocks, of one node each, as one level. */
function joinLevels(tops: readonly (Level | undefined)[], counters: number): Level {
  const nodes = { first: 0, count: tops.length, leaf: (block: number) => presentNode(tops[block], counters) };
  const [top] = tops;
  return { ...leafLevel(nodes, counters), empty: top?.empty ?? emptyNode(counters) };
}

function presentNode(top: Level | undefined, counters: number): SumNode | undefined {
  return top?.present[0] === 1 ? nodeAt(top, 0, counters) : undefined;
}

function emptyNode(counters: number): SumNode {
  return { hash: ZERO_HASH, sums: Array.from({ length: counters }, () => 0n) };
}

function nodeAt(level: Level, index: number, counters: number): SumNode {
  if (level.present[index] !== 1) return level.empty;
  return {
    hash: level.hashes.slice(HASH_BYTES * index, HASH_BYTES * (index + 1)),
    sums: Array.from(level.sums.subarray(counters * index, counters * (index + 1))),
  };
}

function leafLevel(
  leaves: {
    readonly first: number;
    readonly count: number;
    readonly leaf: (index: number) => SumNode | undefined;
  },
  counters: number,
): Level {
  const { first, count } = leaves;
  const hashes = new Uint8Array(HASH_BYTES * count);
  const sums = new BigUint64Array(counters * count);
  const present = new Uint8Array(count);
  for (let index = 0; index < count; index++) {
    const leaf = leaves.leaf(first + index);
    if (leaf === undefined) continue;
    present[index] = 1;
    hashes.set(leaf.hash, HASH_BYTES * index);
    for (let i = 0; i < counters; i++) sums[counters * index + i] = inU64(leaf.sums[i] ?? 0n);
  }
  return { hashes, sums, present, count, empty: emptyNode(counters) };
}

/** T-02, a level at a time: the hashed bytes are put together in one buffer. */
function levelAbove(below: Level, counters: number): Level {
  const count = Math.ceil(below.count / 2);
  const hashes = new Uint8Array(HASH_BYTES * count);
  const sums = new BigUint64Array(counters * count);
  const present = new Uint8Array(count);
  const preimage = new Uint8Array(1 + 2 * HASH_BYTES + 8 * counters);
  preimage.set(INNER);
  const view = new DataView(preimage.buffer, 1 + 2 * HASH_BYTES);
  const hashAt = (index: number): Uint8Array =>
    below.present[index] === 1 ? below.hashes.subarray(HASH_BYTES * index, HASH_BYTES * (index + 1)) : below.empty.hash;
  for (let index = 0; index < count; index++) {
    const [left, right] = [2 * index, 2 * index + 1];
    // One node stands for every empty subtree of a level, so that a wide tree with few leaves costs few hashes.
    if (below.present[left] !== 1 && below.present[right] !== 1) continue;
    present[index] = 1;
    preimage.set(hashAt(left), 1);
    preimage.set(hashAt(right), 1 + HASH_BYTES);
    for (let i = 0; i < counters; i++) {
      const sum = inU64((below.sums[counters * left + i] ?? 0n) + (below.sums[counters * right + i] ?? 0n));
      sums[counters * index + i] = sum;
      view.setBigUint64(8 * i, sum, true);
    }
    hashes.set(hash(preimage), HASH_BYTES * index);
  }
  return { hashes, sums, present, count, empty: sumParent(below.empty, below.empty) };
}

function inU64(value: bigint): bigint {
  if (value < 0n || value > MAX_U64) {
    throw new KarmeshError('CODEC', 'A value does not fit an unsigned 64-bit integer.', { value });
  }
  return value;
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
