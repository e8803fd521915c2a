import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { fromHex, toHex } from './bytes.ts';
import { decode, encode } from './codec.ts';
import {
  checkSumPath,
  reachedRoot,
  type SumNode,
  sumPathCodec,
  sumRoot,
  sumTree,
  sumTreeOf,
  treeHeight,
} from './merkle.ts';

interface NodeJson {
  readonly hash: string;
  readonly sums: readonly string[];
}
interface Vectors {
  readonly trees: readonly {
    readonly name: string;
    readonly counters: number;
    readonly height: number;
    readonly leaves: readonly (NodeJson | null)[];
    readonly root: NodeJson;
    readonly paths: readonly (readonly NodeJson[])[];
  }[];
  readonly noLeaf: readonly { readonly counters: number; readonly root: NodeJson }[];
  readonly overflows: readonly { readonly counters: number; readonly leaves: readonly NodeJson[] }[];
  readonly falsePaths: readonly {
    readonly why: string;
    readonly leaf: NodeJson;
    readonly index: number;
    readonly count: number;
    readonly path: readonly NodeJson[];
    readonly root: NodeJson;
  }[];
}
const vectors: Vectors = JSON.parse(
  readFileSync(new URL('../../../test/vectors/merkle.json', import.meta.url), 'utf8'),
);

const node = (json: NodeJson): SumNode => ({ hash: fromHex(json.hash), sums: json.sums.map(BigInt) });
const json = ({ hash, sums }: SumNode): NodeJson => ({ hash: toHex(hash), sums: sums.map(String) });

test.each(vectors.trees)('T-02: $name give the root and the paths of the vectors', (vector) => {
  const tree = sumTree(
    vector.leaves.map((leaf) => (leaf === null ? undefined : node(leaf))),
    vector.counters,
  );
  expect(json(tree.root)).toEqual(vector.root);
  expect(tree.count).toBe(vector.leaves.length);
  expect(treeHeight(vector.leaves.length)).toBe(vector.height);
  expect(vector.leaves.map((_, i) => tree.path(i).map(json))).toEqual(vector.paths);
});

test.each(vectors.trees)('T-02: $name are reached from each leaf, and from no other place', (vector) => {
  const root = node(vector.root);
  const count = vector.leaves.length;
  for (const [index, leaf] of vector.leaves.entries()) {
    if (leaf === null) continue;
    const path = (vector.paths[index] ?? []).map(node);
    const places = Array.from({ length: 2 ** vector.height + 2 }, (_, at) =>
      checkSumPath({ leaf: node(leaf), index: at - 1, count, path, root }),
    );
    expect(places).toEqual(places.map((_, at) => at - 1 === index));
    expect(sumRoot(node(leaf), { index, path })).toEqual(root);
  }
});

test.each(vectors.trees)('T-02: paths of $name survive encoding', (vector) => {
  const codec = sumPathCodec(vector.counters);
  for (const path of vector.paths) expect(decode(codec, encode(codec, path.map(node))).map(json)).toEqual(path);
});

test.each([0, 1, 2, 3, 255, 256, 257, 300, 513, 1025])(
  'T-02: a tree that makes its %i leaves again has the root and the paths of one that keeps them',
  (count) => {
    const leafOf = (index: number): SumNode | undefined =>
      index % 7 === 3 || Math.floor(index / 256) === 1
        ? undefined
        : { hash: new Uint8Array(32).fill(index % 251), sums: [BigInt(index), 1n] };
    const kept = sumTree(
      Array.from({ length: count }, (_, index) => leafOf(index)),
      2,
    );
    const made = sumTreeOf({ count, leaf: leafOf }, 2);
    expect(made.root).toEqual(kept.root);
    expect(made.count).toBe(count);
    for (let index = 0; index < count; index += 1 + Math.floor(count / 97))
      expect(made.path(index)).toEqual(kept.path(index));
    expect(() => made.path(count)).toThrow('outside of the tree');
  },
);

test('T-02: a tree without leaves has a zero root', () => {
  expect(vectors.noLeaf.map(({ counters }) => json(sumTree([], counters).root))).toEqual(
    vectors.noLeaf.map(({ root }) => root),
  );
});

test('T-02: sums that leave 64 bits make no tree', () => {
  for (const { leaves, counters } of vectors.overflows) {
    expect(() => sumTree(leaves.map(node), counters)).toThrow('does not fit an unsigned 64-bit integer');
  }
});

test.each(vectors.falsePaths)('T-02: a path is refused for $why', (vector) => {
  expect(
    checkSumPath({
      leaf: node(vector.leaf),
      index: vector.index,
      count: vector.count,
      path: vector.path.map(node),
      root: node(vector.root),
    }),
  ).toBe(false);
});

test('T-02: an index that is no integer reaches nothing', () => {
  const tree = sumTree([{ hash: fromHex('11'.repeat(32)), sums: [1n] }], 1);
  const check = { leaf: tree.root, count: 1, path: [], root: tree.root };
  expect([0, 0.5, Number.NaN, -1].map((index) => checkSumPath({ ...check, index }))).toEqual([
    true,
    false,
    false,
    false,
  ]);
});

test('T-02: a received path whose sums overflow reaches nothing, and throws nothing', () => {
  const huge = { hash: fromHex('11'.repeat(32)), sums: [2n ** 64n - 1n] };
  expect(reachedRoot(huge, { index: 0, path: [huge] })).toBe(undefined);
});

test('T-02: a wide tree with one leaf costs one path, not all its width', () => {
  const leaves: SumNode[] = [];
  leaves[(1 << 18) - 1] = { hash: fromHex('22'.repeat(32)), sums: [7n, 0n, 0n, 0n, 0n, 9n] };
  const started = performance.now();
  const tree = sumTree(Array.from(leaves), 6);
  expect(tree.root.sums).toEqual([7n, 0n, 0n, 0n, 0n, 9n]);
  expect(tree.path(leaves.length - 1).length).toBe(18);
  // Hashing all of its 2^18 inner nodes takes many times longer on any machine.
  expect(performance.now() - started).toBeLessThan(5000);
});

test('T-02: a path is asked for a leaf of the tree only', () => {
  const tree = sumTree([undefined, undefined, undefined], 1);
  expect(() => tree.path(3)).toThrow('A Merkle path was asked for a leaf outside of the tree.');
  expect(() => tree.path(-1)).toThrow('A Merkle path was asked for a leaf outside of the tree.');
});

test('T-02: a node with another number of sums does not encode', () => {
  expect(() => encode(sumPathCodec(2), [{ hash: fromHex('11'.repeat(32)), sums: [1n] }])).toThrow(
    'A Merkle node has the wrong number of sums.',
  );
});
