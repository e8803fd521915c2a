import { type Hash, type Sha256, type TraceShape, traceTree } from '@karmesh/sdk/protocol';
import type { Opener } from './firstDivergence.ts';

/** One side of a dispute that still has all leaf hashes of its run, or has run again to have them. */
export function traceOpener(
  trace: {
    readonly traceRoot: Hash;
    /** Leaf hashes, 32 bytes each. */
    readonly leaves: Uint8Array;
    readonly shape: TraceShape;
    readonly positions: number;
  },
  { sha256 }: { readonly sha256: Sha256 },
): Opener {
  const tree = traceTree(sha256, trace.leaves, trace.shape.leaves(trace.positions));
  return {
    traceRoot: trace.traceRoot,
    root: async () => tree.root,
    open: async ({ height, index }) => [
      tree.node({ height: height - 1, index: 2 * index }),
      tree.node({ height: height - 1, index: 2 * index + 1 }),
    ],
  };
}
