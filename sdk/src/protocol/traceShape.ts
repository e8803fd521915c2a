import { KarmeshError } from '../errors.ts';
import type { TensorName } from './operatorGraph.ts';

/** how finely a trace commits to a run, and whether it hides what it commits to. */
export type TraceLevel = 'blocks' | 'operators' | 'committed';

/** What the layout of a trace depends on; numbers of values. */
export interface TraceModel {
  readonly layers: number;
  readonly width: number;
  readonly queryWidth: number;
  readonly keyWidth: number;
  readonly hidden: number;
  readonly vocabulary: number;
  readonly variant: 'narrow' | 'wide';
}

/** One tensor of a position. `layer` is undefined before the first and behind the last one. */
export interface TraceTensor {
  readonly name: TensorName;
  readonly layer: number | undefined;
  /** Number of values, and bytes of each. */
  readonly length: number;
  readonly valueBytes: 2 | 4;
  /** Bits that every value fits in. */
  readonly bits: number;
}

/** values of a leaf, at most. */
export const CHUNK_VALUES = 4096;

export interface LeafPlace {
  readonly position: number;
  /** Index into the tensors of its position, X-70. */
  readonly tensor: number;
  readonly chunk: number;
}

/** Which leaves a trace has, in which order. */
export interface TraceShape {
  readonly level: TraceLevel;
  readonly promptTokens: number;
  /** All tensors that a position may have, in order; `finalNorm` and `logits` only where a token is chosen. */
  readonly tensors: readonly TraceTensor[];
  /** Leaves of the first so many positions. */
  leaves(positions: number): number;
  indexOf(place: LeafPlace): number;
  /** Throws `BAD_ARGUMENT` for an index below zero. */
  placeOf(index: number): LeafPlace;
}

/** */
export function traceShape(
  model: TraceModel,
  { level, promptTokens }: { readonly level: TraceLevel; readonly promptTokens: number },
): TraceShape {
  const tensors = tensorsOf[level](model);
  const everywhere = tensors.filter(({ name }) => name !== 'finalNorm' && name !== 'logits').length;
  const starts: number[] = [0];
  for (const { length } of tensors) starts.push((starts.at(-1) ?? 0) + chunksOf(length));
  const start = (tensor: number): number => starts[tensor] ?? 0;
  const short = start(everywhere);
  const long = start(tensors.length);
  const firstLong = promptTokens - 1;
  const leaves = (positions: number): number =>
    Math.min(positions, firstLong) * short + Math.max(0, positions - firstLong) * long;
  return {
    level,
    promptTokens,
    tensors,
    leaves,
    indexOf: ({ position, tensor, chunk }) => leaves(position) + start(tensor) + chunk,
    placeOf(index) {
      if (!Number.isSafeInteger(index) || index < 0)
        throw new KarmeshError('BAD_ARGUMENT', 'A trace has no leaf of this index.', { index });
      const shortLeaves = firstLong * short;
      const position =
        index < shortLeaves ? Math.floor(index / short) : firstLong + Math.floor((index - shortLeaves) / long);
      const within = index - leaves(position);
      const tensor = starts.findLastIndex((at) => at <= within);
      return { position, tensor, chunk: within - start(tensor) };
    },
  };
}

export function chunksOf(length: number): number {
  return Math.ceil(length / CHUNK_VALUES);
}

/** the widths of a model's values. */
function widthsOf({ variant }: TraceModel) {
  const isNarrow = variant === 'narrow';
  return {
    norm: { valueBytes: 4, bits: isNarrow ? 16 : 24 },
    query: { valueBytes: 4, bits: isNarrow ? 16 : 20 },
    cache: { valueBytes: isNarrow ? 2 : 4, bits: isNarrow ? 16 : 20 },
    gate: { valueBytes: 4, bits: 20 },
    hidden: { valueBytes: 4, bits: 30 },
    residual: { valueBytes: 4, bits: 32 },
  } as const;
}

function blockTensors(model: TraceModel): readonly TraceTensor[] {
  const { cache, residual } = widthsOf(model);
  return Array.from({ length: model.layers }, (_, layer): TraceTensor[] => [
    { name: 'k', layer, length: model.keyWidth, ...cache },
    { name: 'v', layer, length: model.keyWidth, ...cache },
    { name: 'residual', layer, length: model.width, ...residual },
  ]).flat();
}

function embeddingOf(model: TraceModel): TraceTensor {
  return { name: 'embedding', layer: undefined, length: model.width, ...widthsOf(model).residual };
}

function operatorTensors(model: TraceModel): readonly TraceTensor[] {
  const { width, queryWidth, keyWidth, hidden } = model;
  const widths = widthsOf(model);
  const layers = Array.from({ length: model.layers }, (_, layer): TraceTensor[] => [
    { name: 'attentionNorm', layer, length: width, ...widths.norm },
    { name: 'q', layer, length: queryWidth, ...widths.query },
    { name: 'k', layer, length: keyWidth, ...widths.cache },
    { name: 'v', layer, length: keyWidth, ...widths.cache },
    { name: 'attention', layer, length: queryWidth, ...widths.query },
    { name: 'residualBehindAttention', layer, length: width, ...widths.residual },
    { name: 'feedForwardNorm', layer, length: width, ...widths.norm },
    { name: 'gate', layer, length: hidden, ...widths.gate },
    { name: 'up', layer, length: hidden, ...widths.gate },
    { name: 'hidden', layer, length: hidden, ...widths.hidden },
    { name: 'residual', layer, length: width, ...widths.residual },
  ]);
  return [
    embeddingOf(model),
    ...layers.flat(),
    { name: 'finalNorm', layer: undefined, length: width, ...widths.norm },
    { name: 'logits', layer: undefined, length: model.vocabulary, ...widths.residual },
  ];
}

const tensorsOf: Readonly<Record<TraceLevel, (model: TraceModel) => readonly TraceTensor[]>> = {
  blocks: blockTensors,
  operators: operatorTensors,
  committed: (model) => [embeddingOf(model), ...blockTensors(model)],
};
