import { KarmeshError } from '@karmesh/sdk/errors';
import type { ExactLayerLayout, ExactLayout, ExactMatrix, ExactSection } from '../file/exactFile.ts';
import type { ExactVariant } from '../file/exactShape.ts';

/** Bytes that a stage's memory may need: 4 GiB less what scratch and rounding take. */
const STAGE_BYTES = 3.75 * 2 ** 30;

export interface PlannedStage {
  readonly from: number;
  readonly to: number;
  /** Weights and caches, about. */
  readonly bytes: number;
}

/**
 * Cuts a model into as few runs of layers as fit into memories of 4 GiB, the most that WebAssembly addresses with 32 bits. Throws
 * `ENGINE_FAILED` if a single layer with its caches does not fit.
 */
export function planStages(
  layout: ExactLayout,
  options: { readonly variant: ExactVariant; readonly contextSize: number; readonly sequences: number },
): readonly PlannedStage[] {
  const { shape } = layout;
  const positionBytes = 2 * shape.keyHeads * shape.headSize * (options.variant === 'wide' ? 4 : 2);
  const cacheBytes = positionBytes * options.contextSize * options.sequences;
  const startBytes = layout.embeddingScales.bytes + layout.embedding.bytes;
  const endBytes = matrixBytes(layout.head) + layout.finalNorm.bytes;
  const stages: { from: number; to: number; bytes: number }[] = [];
  for (const [index, layer] of layout.layers.entries()) {
    const isLast = index === shape.layers - 1;
    const bytes = layerBytes(layer) + cacheBytes + (index === 0 ? startBytes : 0) + (isLast ? endBytes : 0);
    if (bytes > STAGE_BYTES)
      throw new KarmeshError('ENGINE_FAILED', 'A layer of the model and its caches do not fit into one memory.', {
        layer: index,
        bytes,
        limit: STAGE_BYTES,
      });
    const open = stages.at(-1);
    if (open === undefined || open.bytes + bytes > STAGE_BYTES) stages.push({ from: index, to: index + 1, bytes });
    else {
      open.to = index + 1;
      open.bytes += bytes;
    }
  }
  return stages;
}

function layerBytes(layer: ExactLayerLayout): number {
  const { query, key, value, output, gate, up, down, attentionNorm, hiddenNorm, biases } = layer;
  const sections: readonly (ExactSection | undefined)[] = [
    attentionNorm,
    hiddenNorm,
    biases?.query,
    biases?.key,
    biases?.value,
  ];
  const matrices = [query, key, value, output, gate, up, down].map(matrixBytes);
  return [...matrices, ...sections.map((section) => section?.bytes ?? 0)].reduce((sum, bytes) => sum + bytes, 0);
}

function matrixBytes({ shifts, multipliers, weights }: ExactMatrix): number {
  return shifts.bytes + multipliers.bytes + weights.bytes;
}
