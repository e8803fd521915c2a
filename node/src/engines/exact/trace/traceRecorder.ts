import { KarmeshError } from '@karmesh/sdk/errors';
import {
  CHUNK_VALUES,
  chunksOf,
  type Hash,
  type Sha256,
  type TensorName,
  type TraceShape,
  type TraceTree,
  traceLeaf,
  traceRootOf,
  traceTree,
} from '@karmesh/sdk/protocol';
import type { LeafOf } from './committedLeaves.ts';

/** Collects the leaves of one run as its tensors come. */
export interface TraceRecorder {
  readonly shape: TraceShape;
  /** The tensors that it takes; others it passes over. */
  readonly names: ReadonlySet<TensorName>;
  /** Takes a tensor of a position if the trace commits to it. */
  record(tensor: {
    readonly name: TensorName;
    readonly layer: number | undefined;
    readonly position: number;
    readonly bytes: Uint8Array;
  }): void;
  /** The tree over the first so many positions, all of which must have been recorded. */
  tree(positions: number): TraceTree;
  root(positions: number): Hash;
  /** The leaf hashes of the first so many positions, 32 bytes each. */
  leaves(positions: number): Uint8Array<ArrayBuffer>;
}

const HASH_BYTES = 32;

export function traceRecorder(
  shape: TraceShape,
  parts: {
    readonly sha256: Sha256;
    /** The leaves of a trace that hides its values, and only of such a one. */
    readonly leafOf?: LeafOf | undefined;
    /** Sees every leaf with its values, for those who open leaves. */
    readonly onLeaf?: (index: number, values: Uint8Array) => void;
  },
): TraceRecorder {
  const { sha256, onLeaf, leafOf } = parts;
  if ((shape.level === 'committed') !== (leafOf !== undefined))
    throw new KarmeshError('BAD_ARGUMENT', 'A trace of commitments, and no other one, needs a request’s blinding.', {
      level: shape.level,
    });
  // By name, then by layer; tensors outside of the layers stand alone under their name.
  const indices = new Map<TensorName, number[]>();
  for (const [index, { name, layer = 0 }] of shape.tensors.entries()) {
    const byLayer = indices.get(name) ?? [];
    byLayer[layer] = index;
    indices.set(name, byLayer);
  }
  let leaves = new Uint8Array(256 * HASH_BYTES);
  const put = (index: number, leaf: Hash): void => {
    const end = (index + 1) * HASH_BYTES;
    if (end > leaves.length) {
      const larger = new Uint8Array(Math.max(end, 2 * leaves.length));
      larger.set(leaves);
      leaves = larger;
    }
    leaves.set(leaf, index * HASH_BYTES);
  };
  const tree = (positions: number): TraceTree => traceTree(sha256, leaves, shape.leaves(positions));
  return {
    shape,
    names: new Set(indices.keys()),
    record({ name, layer, position, bytes }) {
      const tensor = indices.get(name)?.[layer ?? 0];
      const described = tensor === undefined ? undefined : shape.tensors[tensor];
      if (tensor === undefined || described === undefined) return;
      const chunkBytes = CHUNK_VALUES * described.valueBytes;
      const first = shape.indexOf({ position, tensor, chunk: 0 });
      for (let chunk = 0; chunk < chunksOf(described.length); chunk++) {
        const values = bytes.subarray(chunk * chunkBytes, (chunk + 1) * chunkBytes);
        const place = { position, tensor, chunk };
        put(first + chunk, leafOf?.(place, described, values) ?? traceLeaf(sha256, place, values));
        onLeaf?.(first + chunk, values);
      }
    },
    tree,
    leaves: (positions) => leaves.slice(0, shape.leaves(positions) * HASH_BYTES),
    root: (positions) =>
      traceRootOf(sha256, {
        level: shape.level,
        promptTokens: shape.promptTokens,
        positions,
        root: tree(positions).root,
      }),
  };
}
