import { KarmeshError } from '@karmesh/sdk/errors';
import {
  equalBytes,
  type Hash,
  type LeafPlace,
  type NodePlace,
  type Sha256,
  type TraceShape,
  traceParent,
  traceRootOf,
} from '@karmesh/sdk/protocol';

/** Two nodes below another one, the left one first. */
export type Children = readonly [left: Hash, right: Hash];

/** One side of a dispute, which committed to a trace and now opens it. */
export interface Opener {
  /** What it committed to. */
  readonly traceRoot: Hash;
  /** The root of its tree. */
  root(): Promise<Hash>;
  /** The two nodes below an inner node that has two. */
  open(place: NodePlace): Promise<Children>;
}

export type Divergence =
  /** The first leaf that differs, and what each side has there. `openings` counts inner nodes that were opened, both sides together. */
  | {
      readonly kind: 'leaf';
      readonly index: number;
      readonly place: LeafPlace;
      readonly a: Hash;
      readonly b: Hash;
      readonly openings: number;
    }
  | { readonly kind: 'none' }
  /** A side opened something that its commitment does not contain. */
  | { readonly kind: 'false-opening'; readonly side: 'a' | 'b'; readonly openings: number };

/**
 * finds the first leaf in which two traces of one shape differ, in at most two openings a level of the tree. Openings are checked
 * against what was committed, so that nobody can change his mind on the way down. (The bisection of Verde, arXiv:2502.19405, and of
 * optimistic rollups before it.)
 */
export async function firstDivergence(
  {
    a,
    b,
    shape,
    positions,
  }: { readonly a: Opener; readonly b: Opener; readonly shape: TraceShape; readonly positions: number },
  { sha256 }: { readonly sha256: Sha256 },
): Promise<Divergence> {
  const leaves = shape.leaves(positions);
  if (leaves < 1) throw new KarmeshError('BAD_ARGUMENT', 'A trace has at least one leaf.', { positions });
  if (equalBytes(a.traceRoot, b.traceRoot)) return { kind: 'none' };
  const { level, promptTokens } = shape;
  let nodeA = await a.root();
  let nodeB = await b.root();
  const commits = (side: Opener, root: Hash): boolean =>
    equalBytes(side.traceRoot, traceRootOf(sha256, { level, promptTokens, positions, root }));
  if (!commits(a, nodeA)) return { kind: 'false-opening', side: 'a', openings: 0 };
  if (!commits(b, nodeB)) return { kind: 'false-opening', side: 'b', openings: 0 };
  let height = heightOf(leaves);
  let index = 0;
  let openings = 0;
  for (; height > 0; height--) {
    const hasRight = 2 * index + 1 < countAt(leaves, height - 1);
    if (!hasRight) {
      index *= 2;
      continue;
    }
    const [childrenA, childrenB] = await Promise.all([a.open({ height, index }), b.open({ height, index })]);
    openings += 2;
    if (!equalBytes(traceParent(sha256, ...childrenA), nodeA)) return { kind: 'false-opening', side: 'a', openings };
    if (!equalBytes(traceParent(sha256, ...childrenB), nodeB)) return { kind: 'false-opening', side: 'b', openings };
    const isRight = equalBytes(childrenA[0], childrenB[0]);
    index = 2 * index + (isRight ? 1 : 0);
    [nodeA, nodeB] = isRight ? [childrenA[1], childrenB[1]] : [childrenA[0], childrenB[0]];
  }
  return { kind: 'leaf', index, place: shape.placeOf(index), a: nodeA, b: nodeB, openings };
}

/** levels above the leaves. */
function heightOf(leaves: number): number {
  return Math.ceil(Math.log2(leaves));
}

function countAt(leaves: number, height: number): number {
  return Math.ceil(leaves / 2 ** height);
}
