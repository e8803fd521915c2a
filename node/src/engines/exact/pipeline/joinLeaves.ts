import { KarmeshError } from '@karmesh/sdk/errors';
import { chunksOf, type TraceShape, type TraceTensor } from '@karmesh/sdk/protocol';

/** What one stage gives of a trace: leaf hashes in its order, with anything where other stages have theirs. */
export interface LeavesOfStage {
  readonly from: number;
  readonly to: number;
  readonly leaves: Uint8Array;
}

const HASH_BYTES = 32;

/** the leaf hashes of the first so many positions, each from the stage that computed its tensor. Throws `ENGINE_FAILED` if a stage gave others. */
export function joinLeaves(
  shape: TraceShape,
  { positions, parts }: { readonly positions: number; readonly parts: readonly LeavesOfStage[] },
): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(shape.leaves(positions) * HASH_BYTES);
  for (const { from, to, leaves } of parts)
    if (leaves.length !== joined.length)
      throw new KarmeshError('ENGINE_FAILED', 'A stage gave the leaves of other positions than it was asked for.', {
        from,
        to,
        bytes: leaves.length,
        expected: joined.length,
      });
  const layers = Math.max(...parts.map(({ to }) => to));
  for (let position = 0; position < positions; position++)
    for (const [tensor, described] of shape.tensors.entries()) {
      if (isLate(described) && position < shape.promptTokens - 1) continue;
      const layer = layerOf(described, layers);
      const part = parts.find(({ from, to }) => layer >= from && layer < to);
      const start = shape.indexOf({ position, tensor, chunk: 0 }) * HASH_BYTES;
      const end = start + chunksOf(described.length) * HASH_BYTES;
      if (part !== undefined) joined.set(part.leaves.subarray(start, end), start);
    }
  return joined;
}

function isLate({ name }: TraceTensor): boolean {
  return name === 'finalNorm' || name === 'logits';
}

/** The layer whose stage computes a tensor. */
function layerOf({ name, layer }: TraceTensor, layers: number): number {
  if (layer !== undefined) return layer;
  return name === 'embedding' ? 0 : layers - 1;
}
