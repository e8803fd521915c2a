import type { Hash } from './hash.ts';
import { checkSumPath, type SumNode, sumTree } from './merkle.ts';

/** T-06: the siblings of a leaf from the leaf upwards, 32 bytes a level: 640 bytes at 2^20 participants, which fits a transaction. */
export type ClaimPath = readonly Hash[];

/** T-06: the tree of claims with the paths of its leaves. */
export interface ClaimsTree {
  readonly root: Hash;
  readonly count: number;
  path(index: number): ClaimPath;
}

/**
 * T-06: the tree over the leaves of the lifetime tree (T-01) without their sums. A tree of no counters is exactly this one: inner
 * nodes `H(0x01 || left || right)`, absent leaves of 32 zero bytes, as high as the lifetime tree. No leaf: a zero root.
 */
export function claimsTree(lifetimeLeaves: readonly (Pick<SumNode, 'hash'> | undefined)[]): ClaimsTree {
  const tree = sumTree(
    lifetimeLeaves.map((leaf) => (leaf === undefined ? undefined : { hash: leaf.hash, sums: [] })),
    0,
  );
  return {
    root: tree.root.hash,
    count: tree.count,
    path: (index) => tree.path(index).map(({ hash }) => hash),
  };
}

/** T-06: true if the path has the tree's height, the index lies in the tree, and the leaf's hash reaches `root`. */
export function checkClaimPath(check: {
  readonly leaf: Hash;
  readonly index: number;
  readonly count: number;
  readonly path: ClaimPath;
  readonly root: Hash;
}): boolean {
  return checkSumPath({
    ...check,
    leaf: { hash: check.leaf, sums: [] },
    path: check.path.map((hash) => ({ hash, sums: [] })),
    root: { hash: check.root, sums: [] },
  });
}
