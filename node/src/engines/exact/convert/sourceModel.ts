import { type ErrorFacts, KarmeshError } from '@karmesh/sdk/errors';
import type { Gguf, GgufTensor } from '../../../models/gguf.ts';
import { checkShape, type ExactShape } from '../file/exactShape.ts';
import { groupDecoder } from './decodeGroups.ts';
import { normEpsilon } from './normWeights.ts';
import { isFloatType } from './readFloats.ts';

/** the tensors of one layer. */
export interface SourceLayer {
  readonly attentionNorm: GgufTensor;
  readonly query: GgufTensor;
  readonly key: GgufTensor;
  readonly value: GgufTensor;
  readonly output: GgufTensor;
  readonly biases: { readonly query: GgufTensor; readonly key: GgufTensor; readonly value: GgufTensor } | undefined;
  readonly hiddenNorm: GgufTensor;
  readonly gate: GgufTensor;
  readonly up: GgufTensor;
  readonly down: GgufTensor;
}

/** A GGUF file as exact arithmetic sees it: shapes agree, types are known, nothing is left over. */
export interface SourceModel {
  readonly architecture: string;
  readonly shape: ExactShape;
  /** E of X-12. */
  readonly epsilon: bigint;
  readonly rope: { readonly base: number; readonly factor: number; readonly divisors: GgufTensor | undefined };
  readonly embedding: GgufTensor;
  readonly layers: readonly SourceLayer[];
  readonly finalNorm: GgufTensor;
  /** The embedding, if tied. */
  readonly head: GgufTensor;
}

/** what tells the families apart. */
const FAMILIES: ReadonlyMap<string, Pick<ExactShape, 'pairs' | 'biases'>> = new Map([
  ['llama', { pairs: 'neighbours', biases: false }],
  ['qwen2', { pairs: 'halves', biases: true }],
] as const);

/** Metadata under a family's name that makes another function of the same tensors. */
const OTHER_FUNCTIONS: readonly string[] = [
  'attention.sliding_window',
  'attention.scale',
  'attention.clamp_kqv',
  'attn_logit_softcapping',
  'final_logit_softcapping',
  'embedding_scale',
  'residual_scale',
  'logit_scale',
];

/** reads what is to be converted from a GGUF file's header. Throws `MODEL_INVALID` with what is not defined for such a file. */
export function sourceModelOf(gguf: Gguf): SourceModel {
  const architecture = String(gguf.metadata.get('general.architecture')?.value);
  const family = FAMILIES.get(architecture);
  if (family === undefined)
    throw invalid('The model is of a family that exact arithmetic is not defined for.', {
      architecture,
      known: [...FAMILIES.keys()].join(', '),
    });
  const metadata = metadataOf(gguf, architecture);
  refuseOthers(metadata);
  const tensors = tensorTaker(gguf);
  const shape = shapeOf({ metadata, family, tied: !tensors.has('output.weight') });
  const model: SourceModel = {
    architecture,
    shape,
    epsilon: normEpsilon(metadata.number('attention.layer_norm_rms_epsilon')),
    rope: { ...ropeOf(metadata), divisors: tensors.optionalVector('rope_freqs.weight', shape.headSize / 2) },
    ...takeTensors(tensors, shape),
  };
  tensors.refuseRest();
  return model;
}

interface Metadata {
  value(key: string): unknown;
  /** Throws `MODEL_INVALID` unless the key has a number, or lacks and has a fallback. */
  number(key: string, fallback?: number): number;
  readonly vocabulary: number;
}

function metadataOf(gguf: Gguf, architecture: string): Metadata {
  const value = (key: string): unknown => {
    const entry = gguf.metadata.get(`${architecture}.${key}`);
    // An array stands where a family has one number for each layer; it is none of those read here.
    return entry?.count === undefined ? entry?.value : entry;
  };
  return {
    value,
    vocabulary: Number(gguf.metadata.get('tokenizer.ggml.tokens')?.count ?? 0n),
    number: (key, fallback) => {
      const found = value(key) ?? fallback;
      if (typeof found !== 'number')
        throw invalid('The model file lacks a number that exact arithmetic needs.', { key: `${architecture}.${key}` });
      return found;
    },
  };
}

function refuseOthers(metadata: Metadata): void {
  if (metadata.number('expert_count', 0) !== 0)
    throw invalid('The model has experts, which exact arithmetic is not defined for.', {
      experts: metadata.number('expert_count', 0),
    });
  const other = OTHER_FUNCTIONS.find((key) => metadata.value(key) !== undefined);
  if (other !== undefined)
    throw invalid('The model file asks for a function that exact arithmetic is not defined for.', { key: other });
}

function shapeOf(options: {
  readonly metadata: Metadata;
  readonly family: Pick<ExactShape, 'pairs' | 'biases'>;
  readonly tied: boolean;
}): ExactShape {
  const { metadata, family, tied } = options;
  const width = metadata.number('embedding_length');
  const heads = metadata.number('attention.head_count');
  const headSize = metadata.number('attention.key_length', width / heads);
  const shape: ExactShape = {
    width,
    layers: metadata.number('block_count'),
    heads,
    keyHeads: metadata.number('attention.head_count_kv', heads),
    headSize,
    hidden: metadata.number('feed_forward_length'),
    vocabulary: metadata.vocabulary,
    context: metadata.number('context_length'),
    ...family,
    tied,
  };
  checkShape(shape);
  const valueSize = metadata.number('attention.value_length', width / heads);
  const rotated = metadata.number('rope.dimension_count', headSize);
  if (valueSize !== headSize || rotated !== headSize)
    throw invalid('The model’s keys, values and rotary positions do not all have the size of a head.', {
      headSize,
      valueSize,
      rotated,
    });
  return shape;
}

/** */
function ropeOf(metadata: Metadata): { readonly base: number; readonly factor: number } {
  const type = metadata.value('rope.scaling.type') ?? 'none';
  const factor = metadata.number('rope.scaling.factor', 1);
  // Programs disagree on what a factor without a type means, and have an older name for it.
  const isUnclear = type === 'none' && (factor !== 1 || metadata.value('rope.scale_linear') !== undefined);
  if ((type !== 'none' && type !== 'linear') || isUnclear)
    throw invalid('The model scales its rotary positions in a way that exact arithmetic is not defined for.', {
      type: String(type),
      factor,
    });
  return { base: metadata.number('rope.freq_base', 10_000), factor };
}

function takeTensors(
  tensors: TensorTaker,
  shape: ExactShape,
): Pick<SourceModel, 'embedding' | 'layers' | 'finalNorm' | 'head'> {
  const { width, hidden, vocabulary } = shape;
  const attention = shape.heads * shape.headSize;
  const keys = shape.keyHeads * shape.headSize;
  const embedding = tensors.matrix('token_embd.weight', vocabulary, width);
  const layers = Array.from({ length: shape.layers }, (_, layer): SourceLayer => {
    const at = (name: string): string => `blk.${layer}.${name}`;
    return {
      attentionNorm: tensors.vector(at('attn_norm.weight'), width),
      query: tensors.matrix(at('attn_q.weight'), attention, width),
      key: tensors.matrix(at('attn_k.weight'), keys, width),
      value: tensors.matrix(at('attn_v.weight'), keys, width),
      output: tensors.matrix(at('attn_output.weight'), width, attention),
      biases: shape.biases
        ? {
            query: tensors.vector(at('attn_q.bias'), attention),
            key: tensors.vector(at('attn_k.bias'), keys),
            value: tensors.vector(at('attn_v.bias'), keys),
          }
        : undefined,
      hiddenNorm: tensors.vector(at('ffn_norm.weight'), width),
      gate: tensors.matrix(at('ffn_gate.weight'), hidden, width),
      up: tensors.matrix(at('ffn_up.weight'), hidden, width),
      down: tensors.matrix(at('ffn_down.weight'), width, hidden),
    };
  });
  const finalNorm = tensors.vector('output_norm.weight', width);
  const head = shape.tied ? embedding : tensors.matrix('output.weight', vocabulary, width);
  return { embedding, layers, finalNorm, head };
}

/** Hands out the tensors of a file by name, each checked against the size that the model's shape gives it. */
interface TensorTaker {
  has(name: string): boolean;
  matrix(name: string, rows: number, columns: number): GgufTensor;
  vector(name: string, length: number): GgufTensor;
  optionalVector(name: string, length: number): GgufTensor | undefined;
  /** Throws `MODEL_INVALID` if a tensor was not taken: the model would compute something else with it. */
  refuseRest(): void;
}

function tensorTaker(gguf: Gguf): TensorTaker {
  const left = new Map(gguf.tensors.map((tensor) => [tensor.name, tensor]));
  const take = (name: string, sizes: readonly number[]): GgufTensor => {
    const tensor = left.get(name);
    if (tensor === undefined) throw invalid('The model file lacks a tensor that its family has.', { tensor: name });
    left.delete(name);
    const { dimensions } = tensor;
    if (dimensions.length !== sizes.length || sizes.some((size, i) => BigInt(size) !== dimensions[i]))
      throw invalid('The model file has a tensor of another size than its shape gives it.', {
        tensor: name,
        dimensions: dimensions.join(' x '),
        expected: sizes.join(' x '),
      });
    return tensor;
  };
  const vector = (name: string, length: number): GgufTensor => {
    const tensor = take(name, [length]);
    if (!isFloatType(tensor.type)) throw wrongType(tensor);
    return tensor;
  };
  return {
    has: (name) => left.has(name),
    matrix: (name, rows, columns) => {
      const tensor = take(name, [columns, rows]);
      if (groupDecoder(tensor.type) === undefined) throw wrongType(tensor);
      return tensor;
    },
    vector,
    optionalVector: (name, length) => (left.has(name) ? vector(name, length) : undefined),
    refuseRest: () => {
      const [rest] = left.keys();
      if (rest !== undefined)
        throw invalid('The model file has a tensor that its family has not.', { tensor: rest, more: left.size - 1 });
    },
  };
}

function wrongType({ name, type }: GgufTensor): KarmeshError {
  return invalid('The model has a tensor of a type that is not converted.', { tensor: name, type });
}

function invalid(sentence: string, facts: ErrorFacts): KarmeshError {
  return new KarmeshError('MODEL_INVALID', sentence, facts);
}
