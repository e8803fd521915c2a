import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { fromHex, toHex } from './bytes.ts';
import { checkClaimPath, claimsTree } from './claimsTree.ts';
import { sumTree, treeHeight } from './merkle.ts';

interface Vectors {
  readonly claims: {
    readonly trees: readonly {
      readonly name: string;
      readonly count: number;
      readonly height: number;
      /** By index, as the paths; the others are absent. */
      readonly leaves: Readonly<Record<string, string>>;
      readonly root: string;
      readonly paths: Readonly<Record<string, readonly string[]>>;
    }[];
    readonly falsePaths: readonly {
      readonly why: string;
      readonly leaf: string;
      readonly index: number;
      readonly count: number;
      readonly path: readonly string[];
      readonly root: string;
    }[];
  };
}
const { claims: vectors }: Vectors = JSON.parse(
  readFileSync(new URL('../../../test/vectors/merkle.json', import.meta.url), 'utf8'),
);

function leavesOf(vector: Vectors['claims']['trees'][number]): readonly ({ readonly hash: Uint8Array } | undefined)[] {
  const leaves: ({ readonly hash: Uint8Array } | undefined)[] = Array.from({ length: vector.count });
  for (const [index, hex] of Object.entries(vector.leaves)) leaves[Number(index)] = { hash: fromHex(hex) };
  return leaves;
}

test.each(vectors.trees)('T-06: $name give the root and the paths of the vectors', (vector) => {
  const tree = claimsTree(leavesOf(vector));
  const paths = Object.keys(vector.paths).map((index) => [index, tree.path(Number(index)).map(toHex)]);
  expect({ root: toHex(tree.root), count: tree.count, height: treeHeight(tree.count) }).toEqual({
    root: vector.root,
    count: vector.count,
    height: vector.height,
  });
  expect(Object.fromEntries(paths)).toEqual(vector.paths);
});

test.each(vectors.trees)('T-06: $name are reached from each leaf that is shown, and from no other', (vector) => {
  const root = fromHex(vector.root);
  for (const [at, hashes] of Object.entries(vector.paths)) {
    const path = hashes.map(fromHex);
    const hex = vector.leaves[at];
    const places = [...new Set([...Object.keys(vector.paths), -1, vector.count, 2 ** vector.height].map(Number))];
    const reached = places.filter(
      (index) => hex !== undefined && checkClaimPath({ leaf: fromHex(hex), index, count: vector.count, path, root }),
    );
    expect(reached).toEqual(hex === undefined ? [] : [Number(at)]);
  }
});

test.each(vectors.falsePaths)('T-06: a path is refused for $why', ({ leaf, index, count, path, root }) => {
  expect(checkClaimPath({ leaf: fromHex(leaf), index, count, path: path.map(fromHex), root: fromHex(root) })).toBe(
    false,
  );
});

test('T-06: the claims tree is as high as the lifetime tree, and its paths cost 32 bytes a level', () => {
  const leaves = Array.from({ length: 5 }, (_, i) => ({
    hash: fromHex(`${i}0`.repeat(32)),
    sums: [1n, 0n, 0n, 0n, 0n, 2n],
  }));
  const [claims, lifetimes] = [claimsTree(leaves), sumTree(leaves, 6)];
  expect(claims.path(3).length).toBe(lifetimes.path(3).length);
  expect(claims.path(3).reduce((bytes, sibling) => bytes + sibling.length, 0)).toBe(96);
  expect(toHex(claims.root)).not.toBe(toHex(lifetimes.root.hash));
});
