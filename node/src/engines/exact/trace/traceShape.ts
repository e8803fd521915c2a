import { KarmeshError } from '@karmesh/sdk/errors';

/** how finely a trace commits to a run. */
export type TraceLevel = 'blocks' | 'operators';

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

export type TensorName =
  | 'embedding'
  | 'attentionNorm'
  | 'q'
  | 'k'
  | 'v'
  | 'attention'
  | 'residualBehindAttention'
  | 'feedForwardNorm'
  | 'gate'
  | 'up'
  | 'hidden'
  | 'residual'
  | 'finalNorm'
  | 'logits';

/** One tensor of a position. `layer` is undefined before the first and behind the last one. */
export interface TraceTensor {
  readonly name: TensorName;
  readonly layer: number | undefined;
  /** Number of values, and bytes of each. */
  readonly length: number;
  readonly valueBytes: 2 | 4;
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
  const tensors = level === 'blocks' ? blockTensors(model) : operatorTensors(model);
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

function blockTensors(model: TraceModel): readonly TraceTensor[] {
  const cache = model.variant === 'narrow' ? 2 : 4;
  return Array.from({ length: model.layers }, (_, layer): TraceTensor[] => [
    { name: 'k', layer, length: model.keyWidth, valueBytes: cache },
    { name: 'v', layer, length: model.keyWidth, valueBytes: cache },
    { name: 'residual', layer, length: model.width, valueBytes: 4 },
  ]).flat();
}

function operatorTensors(model: TraceModel): readonly TraceTensor[] {
  const cache = model.variant === 'narrow' ? 2 : 4;
  const { width, queryWidth, keyWidth, hidden } = model;
  const layers = Array.from({ length: model.layers }, (_, layer): TraceTensor[] => [
    { name: 'attentionNorm', layer, length: width, valueBytes: 4 },
    { name: 'q', layer, length: queryWidth, valueBytes: 4 },
    { name: 'k', layer, length: keyWidth, valueBytes: cache },
    { name: 'v', layer, length: keyWidth, valueBytes: cache },
    { name: 'attention', layer, length: queryWidth, valueBytes: 4 },
    { name: 'residualBehindAttention', layer, length: width, valueBytes: 4 },
    { name: 'feedForwardNorm', layer, length: width, valueBytes: 4 },
    { name: 'gate', layer, length: hidden, valueBytes: 4 },
    { name: 'up', layer, length: hidden, valueBytes: 4 },
    { name: 'hidden', layer, length: hidden, valueBytes: 4 },
    { name: 'residual', layer, length: width, valueBytes: 4 },
  ]);
  return [
    { name: 'embedding', layer: undefined, length: width, valueBytes: 4 },
    ...layers.flat(),
    { name: 'finalNorm', layer: undefined, length: width, valueBytes: 4 },
    { name: 'logits', layer: undefined, length: model.vocabulary, valueBytes: 4 },
  ];
}
