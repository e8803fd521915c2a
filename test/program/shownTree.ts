import {
  hash,
  type InnerNode,
  lifetimeLeaf,
  type ShownLifetime,
  type ShownNode,
  type SumNode,
  type SumPath,
  u64le,
  ZERO_HASH,
} from '@karmesh/sdk/protocol';
import type { World } from './world.ts';

/** A node of a tree that may lie: which one it is, counted in levels from the leaves, and what it says it adds up to. */
export interface Lie {
  readonly level: number;
  readonly index: number;
  readonly sums: (sums: readonly bigint[]) => readonly bigint[];
}

type Placed = SumNode & { readonly shown: ShownNode };

const ABSENT: Placed = { hash: ZERO_HASH, sums: [0n, 0n, 0n, 0n, 0n, 0n], shown: { type: 'absent' } };

/** The chain from the root down to a node, and its children. */
export interface Chain {
  readonly nodes: readonly InnerNode[];
  readonly turns: readonly boolean[];
  readonly below: readonly ShownNode[];
}

/** A Merkle-sum tree of six counters that shows every preimage, and of which some nodes may lie. */
export interface ShownTree {
  readonly root: SumNode;
  readonly shownRoot: ShownNode;
  readonly height: number;
  path(index: number): SumPath;
  chain(level: number, index: number): Chain;
}

function innerOf({ shown }: Placed): InnerNode {
  if (shown.type !== 'inner') throw new RangeError('A leaf is no inner node.');
  return shown.node;
}

export function shownTree(leaves: readonly (Placed | undefined)[], lies: readonly Lie[] = []): ShownTree {
  const height = Math.ceil(Math.log2(Math.max(1, leaves.length)));
  const levels: Placed[][] = [Array.from({ length: 2 ** height }, (_, i) => leaves[i] ?? ABSENT)];
  const at = (level: number, index: number): Placed => levels[level]?.[index] ?? ABSENT;
  for (let level = 1; level <= height; level++) {
    levels.push(
      Array.from({ length: 2 ** (height - level) }, (_, index) => {
        const [left, right] = [at(level - 1, 2 * index), at(level - 1, 2 * index + 1)];
        const added = left.sums.map((sum, i) => sum + (right.sums[i] ?? 0n));
        const lie = lies.find((told) => told.level === level && told.index === index);
        const sums = lie?.sums(added) ?? added;
        const node = { left: left.hash, right: right.hash, sums };
        const made = hash(new Uint8Array([1]), node.left, node.right, ...sums.map(u64le));
        return { hash: made, sums, shown: { type: 'inner', node } };
      }),
    );
  }
  const top = at(height, 0);
  return {
    root: { hash: top.hash, sums: top.sums },
    shownRoot: top.shown,
    height,
    // The sums of siblings are what makes each parent's come out: a path shows hashes, whatever a node says.
    path: (index) =>
      Array.from({ length: height }, (_, level) => {
        const sibling = at(level, (index >> level) ^ 1);
        const [own, parent] = [at(level, index >> level), at(level + 1, index >> (level + 1))];
        return { hash: sibling.hash, sums: parent.sums.map((sum, i) => sum - (own.sums[i] ?? 0n)) };
      }),
    chain: (level, index) => {
      const places = Array.from({ length: height - level + 1 }, (_, depth) => ({
        level: height - depth,
        index: index >> (height - level - depth),
      }));
      return {
        nodes: places.map((place) => innerOf(at(place.level, place.index))),
        turns: places.slice(1).map((place) => place.index % 2 === 1),
        below: [at(level - 1, 2 * index).shown, at(level - 1, 2 * index + 1).shown],
      };
    },
  };
}

/** A participant's leaf with its preimage. */
export function shownLeaf(world: World, epoch: bigint, leaf: ShownLifetime): Placed {
  const lifetime = { index: 0, ...leaf.lifetime };
  return {
    ...lifetimeLeaf(world.domain, { epoch, lifetime, receiptsRoot: leaf.receiptsRoot }),
    shown: { type: 'lifetime', leaf },
  };
}
