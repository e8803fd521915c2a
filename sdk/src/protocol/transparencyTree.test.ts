import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { concatBytes, fromHex, toHex, u32le } from './bytes.ts';
import { type Hash, hash } from './hash.ts';
import {
  consistencyPlan,
  EMPTY_ROOT,
  inclusionPlan,
  type LogNode,
  logLeafHash,
  logPeaks,
  logRoot,
  logTree,
  MAX_LOG_SIZE,
  MAX_PATH_HASHES,
  pathHashes,
  type SubtreePlace,
  verifyConsistency,
  verifyInclusion,
} from './transparencyTree.ts';

interface Vectors {
  readonly known: {
    readonly leaves: readonly string[];
    readonly roots: readonly string[];
    readonly inclusion: readonly { readonly index: number; readonly size: number; readonly path: readonly string[] }[];
    readonly consistency: readonly {
      readonly oldSize: number;
      readonly size: number;
      readonly path: readonly string[];
    }[];
  };
  readonly counted: {
    readonly roots: string;
    readonly inclusion: Readonly<Record<string, string>>;
    readonly consistency: Readonly<Record<string, string>>;
  };
}
const vectors: Vectors = JSON.parse(readFileSync(new URL('../../../test/vectors/log.json', import.meta.url), 'utf8'));

/** What a log of these leaves has stored. */
function grown(leafHashes: readonly Hash[]) {
  const stored = new Map<string, Hash>();
  const roots: Hash[] = [EMPTY_ROOT];
  const tree = logTree();
  const key = ({ level, index }: SubtreePlace): string => `${level}/${index}`;
  for (const leafHash of leafHashes) {
    for (const node of tree.append(leafHash)) stored.set(key(node), node.hash);
    roots.push(tree.root());
  }
  const lookup = (place: SubtreePlace): Hash => {
    const found = stored.get(key(place));
    if (found === undefined) throw new Error(`Nothing is stored at ${key(place)}.`);
    return found;
  };
  return { tree, roots, lookup, stored };
}

const known = vectors.known.leaves.map((leaf) => logLeafHash(fromHex(leaf)));
const counted = Array.from({ length: 300 }, (_, i) => logLeafHash(u32le(i)));
const changed = (value: Hash): Hash => hash(value);

test('G-01: roots and paths of the known leaves are those of RFC 6962', () => {
  const { roots, lookup } = grown(known);
  expect(roots.map(toHex)).toEqual(vectors.known.roots);
  for (const { index, size, path } of vectors.known.inclusion)
    expect(pathHashes(inclusionPlan(index, size), lookup).map(toHex)).toEqual(path);
  for (const { oldSize, size, path } of vectors.known.consistency)
    expect(pathHashes(consistencyPlan(oldSize, size), lookup).map(toHex)).toEqual(path);
});

test('G-01 to G-03: sizes up to 130 have the roots and paths of the Python implementation', () => {
  const { roots, lookup } = grown(counted.slice(0, 130));
  const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i);
  expect(toHex(hash(concatBytes(...roots)))).toBe(vectors.counted.roots);
  for (const [size, digest] of Object.entries(vectors.counted.inclusion)) {
    const paths = upTo(Number(size)).flatMap((index) => pathHashes(inclusionPlan(index, Number(size)), lookup));
    expect(toHex(hash(concatBytes(...paths)))).toBe(digest);
  }
  for (const [size, digest] of Object.entries(vectors.counted.consistency)) {
    const paths = upTo(Number(size)).flatMap((i) => pathHashes(consistencyPlan(i + 1, Number(size)), lookup));
    expect(toHex(hash(concatBytes(...paths)))).toBe(digest);
  }
});

/** Sizes of which each path is tampered with; the others are only verified. */
const isTampered = (size: number): boolean => size <= 20 || [31, 32, 33, 64, 65, 100].includes(size);

/** A path with one hash more, one less, and each hash changed. */
const otherPaths = (path: readonly Hash[]): readonly (readonly Hash[])[] => [
  [...path, EMPTY_ROOT],
  ...(path.length === 0 ? [] : [path.slice(0, -1), path.slice(1)]),
  ...path.map((_, at) => path.map((one, i) => (i === at ? changed(one) : one))),
];

test('G-02: leaves of every size to 300 have a path, and no other index, leaf, path or root fits it', () => {
  const { roots, lookup } = grown(counted);
  for (let size = 1; size <= 300; size++) {
    for (let index = 0; index < size; index += size <= 100 ? 1 : 1 + ((size + index) % 37)) {
      const path = pathHashes(inclusionPlan(index, size), lookup);
      const [leafHash, root] = [counted[index] ?? EMPTY_ROOT, roots[size] ?? EMPTY_ROOT];
      const claim = { index, size, leafHash, path, root };
      expect(verifyInclusion(claim)).toBe(true);
      if (!isTampered(size)) continue;
      const wrong = [
        { ...claim, index: index + 1 },
        { ...claim, index: index - 1 },
        { ...claim, leafHash: changed(leafHash) },
        { ...claim, root: changed(root) },
        ...otherPaths(path).map((other) => ({ ...claim, path: other })),
      ];
      expect(wrong.map(verifyInclusion)).not.toContain(true);
    }
  }
});

test('G-03: every size to 300 goes on from those before it, and no other size, path or root fits', () => {
  const { roots, lookup } = grown(counted);
  for (let size = 0; size <= 300; size++) {
    for (let oldSize = 0; oldSize <= size; oldSize += size <= 100 ? 1 : 1 + ((size + oldSize) % 37)) {
      const path = pathHashes(consistencyPlan(oldSize, size), lookup);
      const [oldRoot, root] = [roots[oldSize] ?? EMPTY_ROOT, roots[size] ?? EMPTY_ROOT];
      const claim = { oldSize, oldRoot, size, root, path };
      expect(verifyConsistency(claim)).toBe(true);
      if (!isTampered(size)) continue;
      const wrong = [
        { ...claim, oldRoot: changed(oldRoot) },
        { ...claim, oldSize: size + 1 },
        // Any log goes on from nothing.
        ...(oldSize === 0
          ? []
          : [
              { ...claim, root: changed(root) },
              { ...claim, oldSize: 0 },
            ]),
        ...(oldSize === size ? [] : [{ ...claim, oldSize: size }]),
        ...otherPaths(path).map((other) => ({ ...claim, path: other })),
      ];
      expect(wrong.map(verifyConsistency)).not.toContain(true);
    }
  }
});

test('a log goes on from its peaks as if it had never stopped, and stores one hash a leaf and level', () => {
  const whole = grown(counted);
  for (const size of [0, 1, 2, 3, 7, 8, 127, 128, 200, 299]) {
    const peaks = logPeaks(size).map(whole.lookup);
    const tree = logTree({ size, peaks });
    expect([tree.root(), tree.peaks()]).toEqual([whole.roots[size], peaks]);
    const made: LogNode[] = [];
    for (const leafHash of counted.slice(size)) made.push(...tree.append(leafHash));
    expect([tree.size, tree.root()]).toEqual([300, whole.roots[300]]);
    for (const node of made) expect(node.hash).toEqual(whole.lookup(node));
  }
  expect(whole.stored.size).toBe(300 + 150 + 75 + 37 + 18 + 9 + 4 + 2 + 1);
  expect(logRoot(counted)).toEqual(whole.roots[300]);
});

test('paths of the longest log keep to their bound', () => {
  const longest = Math.max(
    ...[0, 1, MAX_LOG_SIZE / 2, MAX_LOG_SIZE - 2].map((index) => inclusionPlan(index, MAX_LOG_SIZE - 1).length),
    ...[1, 2, 3, MAX_LOG_SIZE / 2 + 1, MAX_LOG_SIZE - 2].map((old) => consistencyPlan(old, MAX_LOG_SIZE - 1).length),
  );
  expect(longest).toBeLessThanOrEqual(MAX_PATH_HASHES);
  expect(longest).toBeGreaterThanOrEqual(MAX_PATH_HASHES - 1);
});

test('sizes that no log has are refused by who makes paths and do not hold for who verifies them', () => {
  const refusals = [
    () => inclusionPlan(3, 3),
    () => inclusionPlan(-1, 3),
    () => inclusionPlan(0.5, 3),
    () => consistencyPlan(4, 3),
    () => consistencyPlan(-1, 3),
    () => consistencyPlan(1, MAX_LOG_SIZE + 1),
    () => logPeaks(1.5),
    () => logTree({ size: 3, peaks: [EMPTY_ROOT] }),
    () => logTree({ size: MAX_LOG_SIZE, peaks: [EMPTY_ROOT] }).append(EMPTY_ROOT),
  ];
  const messages = refusals.map((run) => {
    try {
      run();
      return 'no refusal';
    } catch (error) {
      return `${error}`;
    }
  });
  expect(messages).toMatchInlineSnapshot(`
    [
      "KarmeshError: A path was asked for a leaf outside of the log.",
      "KarmeshError: A path was asked for a leaf outside of the log.",
      "KarmeshError: A path was asked for a leaf outside of the log.",
      "KarmeshError: A path was asked from a size that the log has not had.",
      "KarmeshError: A path was asked from a size that the log has not had.",
      "KarmeshError: No log has this size.",
      "KarmeshError: No log has this size.",
      "KarmeshError: A tree of this size has another number of peaks.",
      "KarmeshError: The log is full.",
    ]
  `);
  const leafHash = counted[0] ?? EMPTY_ROOT;
  const claims = [0, 0.5, -1, Number.NaN, Number.POSITIVE_INFINITY, MAX_LOG_SIZE * 2];
  for (const size of claims) {
    expect(verifyInclusion({ index: 0, size, leafHash, path: [], root: leafHash })).toBe(false);
    expect(verifyInclusion({ index: size, size: 1, leafHash, path: [], root: leafHash })).toBe(size === 0);
    expect(verifyConsistency({ oldSize: 1, oldRoot: leafHash, size, root: leafHash, path: [] })).toBe(false);
  }
  const short = new Uint8Array(31);
  expect(verifyInclusion({ index: 0, size: 1, leafHash: short, path: [], root: short })).toBe(false);
  expect(verifyConsistency({ oldSize: 1, oldRoot: short, size: 1, root: short, path: [] })).toBe(false);
});
