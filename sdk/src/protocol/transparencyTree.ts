import { KarmeshError } from '../errors.ts';
import { equalBytes } from './bytes.ts';
import { type Hash, hash } from './hash.ts';

// The Merkle tree of a log (RFC 6962, section 2.1; RFC 9162, section 2.1): no padding, the left subtree of every node is the largest
// perfect one that leaves something for the right. A perfect subtree never changes once it is full, so that a log stores the roots
// of those and computes everything else.

/** Leaves that a log may have. Every index is exact as a number. */
export const MAX_LOG_SIZE = 2 ** 48;

/** Hashes in a path of a log of at most `MAX_LOG_SIZE` leaves. */
export const MAX_PATH_HASHES = 49;

const LEAF = new Uint8Array([0]);
const NODE = new Uint8Array([1]);

/** The root of a tree without leaves: SHA-256 of nothing. */
export const EMPTY_ROOT: Hash = hash(new Uint8Array());

/** G-01: `H(0x00 || leaf)`. */
export function logLeafHash(leaf: Uint8Array): Hash {
  return hash(LEAF, leaf);
}

/** G-01: `H(0x01 || left || right)`. */
export function logNodeHash(left: Hash, right: Hash): Hash {
  return hash(NODE, left, right);
}

/** The root of the perfect subtree over the leaves from `index * 2^level` on. */
export type SubtreePlace = { readonly level: number; readonly index: number };
export type LogNode = SubtreePlace & { readonly hash: Hash };

/** Gives the stored hash of a perfect subtree that the log has. */
export type NodeLookup = (place: SubtreePlace) => Hash;

/** A tree that grows. It holds one hash for each bit of its size that is set. */
export type LogTree = {
  readonly size: number;
  /** Of all leaves so far. */
  root(): Hash;
  /** The roots of `logPeaks(size)`, from which a tree goes on. */
  peaks(): readonly Hash[];
  /** Appends a leaf by its hash; the result is every perfect subtree that it completes, itself first. */
  append(leafHash: Hash): readonly LogNode[];
};

/**
 * A tree of `size` leaves, of which `peaks` are the largest perfect subtrees, from the left (`logPeaks`); empty unless told.
 *
 * @throws KarmeshError `BAD_ARGUMENT` if these are not as many as a tree of this size has; `append` throws it beyond `MAX_LOG_SIZE`.
 */
export function logTree(
  from: { readonly size: number; readonly peaks: readonly Hash[] } = { size: 0, peaks: [] },
): LogTree {
  let { size } = from;
  const places = logPeaks(size);
  if (places.length !== from.peaks.length)
    throw new KarmeshError('BAD_ARGUMENT', 'A tree of this size has another number of peaks.', {
      size,
      peaks: from.peaks.length,
    });
  const peaks: LogNode[] = places.map((place, i) => ({ ...place, hash: from.peaks[i] ?? EMPTY_ROOT }));
  return {
    get size() {
      return size;
    },
    root: () => joinRight(peaks.map((peak) => peak.hash)),
    peaks: () => peaks.map((peak) => peak.hash),
    append(leafHash) {
      if (size >= MAX_LOG_SIZE) throw new KarmeshError('BAD_ARGUMENT', 'The log is full.', { size });
      let node: LogNode = { level: 0, index: size, hash: leafHash };
      const made = [node];
      for (let left = peaks.at(-1); left !== undefined && left.level === node.level; left = peaks.at(-1)) {
        peaks.pop();
        node = { level: node.level + 1, index: left.index / 2, hash: logNodeHash(left.hash, node.hash) };
        made.push(node);
      }
      peaks.push(node);
      size += 1;
      return made;
    },
  };
}

/** The root over these leaves. */
export function logRoot(leafHashes: readonly Hash[]): Hash {
  const tree = logTree();
  for (const leafHash of leafHashes) tree.append(leafHash);
  return tree.root();
}

/** The largest perfect subtrees of a tree, from the left: what a store must read to go on with it. */
export function logPeaks(size: number): readonly SubtreePlace[] {
  return perfectParts({ begin: 0, end: checkedSize(size) });
}

/** Leaves `begin` to `end - 1`. */
type Range = { readonly begin: number; readonly end: number };

/** What a path is made of: hashes of ranges, each of which is joined from the perfect subtrees in it. */
export type PathPlan = readonly (readonly SubtreePlace[])[];

/** G-02: the path of leaf `index` in the tree of the first `size` leaves, the lowest sibling first. Throws `BAD_ARGUMENT` outside of it. */
export function inclusionPlan(index: number, size: number): PathPlan {
  checkedSize(size);
  if (!Number.isSafeInteger(index) || index < 0 || index >= size)
    throw new KarmeshError('BAD_ARGUMENT', 'A path was asked for a leaf outside of the log.', { index, size });
  const ranges: Range[] = [];
  for (let range: Range = { begin: 0, end: size }; range.end - range.begin > 1; ) {
    const [left, right] = halves(range);
    const isLeft = index < left.end;
    ranges.unshift(isLeft ? right : left);
    range = isLeft ? left : right;
  }
  return ranges.map(perfectParts);
}

/**
 * G-03: what shows that the first `oldSize` of `size` leaves are what they were (RFC 6962 calls it a consistency proof). Empty for none and
 * for all. Throws `BAD_ARGUMENT`.
 */
export function consistencyPlan(oldSize: number, size: number): PathPlan {
  checkedSize(size);
  if (!Number.isSafeInteger(oldSize) || oldSize < 0 || oldSize > size)
    throw new KarmeshError('BAD_ARGUMENT', 'A path was asked from a size that the log has not had.', {
      oldSize,
      size,
    });
  if (oldSize === 0 || oldSize === size) return [];
  const ranges: Range[] = [];
  let range: Range = { begin: 0, end: size };
  while (range.end !== oldSize) {
    const [left, right] = halves(range);
    const isLeft = oldSize <= left.end;
    ranges.unshift(isLeft ? right : left);
    range = isLeft ? left : right;
  }
  // Who verifies has the old root, and with it the one subtree that a path need not show.
  if (range.begin > 0) ranges.unshift(range);
  return ranges.map(perfectParts);
}

/** The hashes of a path, from what the log stores. */
export function pathHashes(plan: PathPlan, lookup: NodeLookup): readonly Hash[] {
  return plan.map((parts) => joinRight(parts.map(lookup)));
}

/** G-02 (RFC 9162, section 2.1.3.2): whether `path` leads from a leaf to the root of the tree of `size` leaves. */
export function verifyInclusion(claim: {
  readonly index: number;
  readonly size: number;
  readonly leafHash: Hash;
  readonly path: readonly Hash[];
  readonly root: Hash;
}): boolean {
  const { index, size, path } = claim;
  if (!isSize(size) || !isSize(index) || index >= size) return false;
  if ([claim.leafHash, claim.root, ...path].some(isNoHash)) return false;
  let at = index;
  let last = size - 1;
  let reached = claim.leafHash;
  for (const sibling of path) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      reached = logNodeHash(sibling, reached);
      // Where a level has no right sibling the node stands for its parent too.
      while (at % 2 === 0 && at !== 0) {
        at /= 2;
        last = half(last);
      }
    } else {
      reached = logNodeHash(reached, sibling);
    }
    at = half(at);
    last = half(last);
  }
  return last === 0 && equalBytes(reached, claim.root);
}

/** G-03 (RFC 9162, section 2.1.4.2): whether the tree of `size` leaves goes on from that of `oldSize`. */
export function verifyConsistency(claim: {
  readonly oldSize: number;
  readonly oldRoot: Hash;
  readonly size: number;
  readonly root: Hash;
  readonly path: readonly Hash[];
}): boolean {
  const { oldSize, oldRoot, size, root, path } = claim;
  if (!isSize(oldSize) || !isSize(size) || oldSize > size || [oldRoot, root, ...path].some(isNoHash)) return false;
  if (oldSize === size) return path.length === 0 && equalBytes(oldRoot, root);
  if (oldSize === 0) return path.length === 0 && equalBytes(oldRoot, EMPTY_ROOT);
  let at = oldSize - 1;
  let last = size - 1;
  while (at % 2 === 1) {
    at = half(at);
    last = half(last);
  }
  // An old tree that is perfect is itself the first subtree of the path.
  const [first, ...rest] = at === 0 ? [oldRoot, ...path] : path;
  if (first === undefined) return false;
  let oldReached = first;
  let reached = first;
  for (const sibling of rest) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      oldReached = logNodeHash(sibling, oldReached);
      reached = logNodeHash(sibling, reached);
      while (at % 2 === 0 && at !== 0) {
        at /= 2;
        last = half(last);
      }
    } else {
      reached = logNodeHash(reached, sibling);
    }
    at = half(at);
    last = half(last);
  }
  return last === 0 && equalBytes(oldReached, oldRoot) && equalBytes(reached, root);
}

/** The two subtrees of a range of more than one leaf that is a subtree itself. */
function halves({ begin, end }: Range): readonly [Range, Range] {
  let width = 1;
  while (2 * width < end - begin) width *= 2;
  return [
    { begin, end: begin + width },
    { begin: begin + width, end },
  ];
}

function perfectParts({ begin, end }: Range): readonly SubtreePlace[] {
  const places: SubtreePlace[] = [];
  for (let at = begin; at < end; ) {
    let level = 0;
    while (at % 2 ** (level + 1) === 0 && at + 2 ** (level + 1) <= end) level++;
    places.push({ level, index: at / 2 ** level });
    at += 2 ** level;
  }
  return places;
}

/** The root over subtrees that shrink from left to right. */
function joinRight(hashes: readonly Hash[]): Hash {
  const [last, ...before] = hashes.toReversed();
  return last === undefined ? EMPTY_ROOT : before.reduce((right, left) => logNodeHash(left, right), last);
}

function checkedSize(size: number): number {
  if (isSize(size)) return size;
  throw new KarmeshError('BAD_ARGUMENT', 'No log has this size.', { size });
}

function isSize(size: number): boolean {
  return Number.isInteger(size) && size >= 0 && size <= MAX_LOG_SIZE;
}

const half = (value: number): number => Math.floor(value / 2);

const isNoHash = (value: Uint8Array): boolean => value.length !== 32;
