import { sourceModelOf } from '../../../node/src/engines/exact/convert/sourceModel.ts';
import { type Gguf, type GgufTensor, parseGguf } from '../../../node/src/models/gguf.ts';
import { decodeFloats, decodeGroups } from './decodeTensor.ts';

/** One sequence, token by token. */
export interface FloatSequence {
  /** The logits behind the next token. The array is the caller's. */
  step(token: number): Float64Array;
}

export interface FloatModel {
  readonly vocabulary: number;
  readonly layers: number;
  /** A new sequence. `onNormInput` sees what each norm reads: two a layer, in order, then the last one. */
  sequence(onNormInput?: (norm: number, x: Float64Array) => void): FloatSequence;
}

interface Matrix {
  readonly rows: number;
  readonly columns: number;
  /** Dequantised; a product of 8 and 11 bits is exact in 32. */
  readonly weights: Float32Array;
}

/**
 * The function that a GGUF file of the llama family stands for: its weights as they are, everything else in doubles. Exact arithmetic and
 * llama.cpp both approximate it. Throws `MODEL_INVALID`; `RangeError` for what only qwen2 has.
 */
export function floatModel(file: Uint8Array): FloatModel {
  const gguf = parseGguf(file, file.length);
  const source = sourceModelOf(gguf);
  const { shape, rope } = source;
  if (shape.pairs !== 'neighbours' || shape.biases || rope.divisors !== undefined || rope.factor !== 1)
    throw new RangeError('The function in floats is written for plain models of the llama family.');
  const matrix = (tensor: GgufTensor): Matrix => matrixOf(file, tensor);
  const vector = (tensor: GgufTensor): Float64Array => decodeFloats(file, tensor);
  const layers = source.layers.map((layer) => ({
    attentionNorm: vector(layer.attentionNorm),
    query: matrix(layer.query),
    key: matrix(layer.key),
    value: matrix(layer.value),
    output: matrix(layer.output),
    hiddenNorm: vector(layer.hiddenNorm),
    gate: matrix(layer.gate),
    up: matrix(layer.up),
    down: matrix(layer.down),
  }));
  const embedding = matrix(source.embedding);
  const finalNorm = vector(source.finalNorm);
  const head = shape.tied ? embedding : matrix(source.head);
  const epsilon = epsilonOf(gguf);
  const { headSize, heads, keyHeads } = shape;

  return {
    vocabulary: shape.vocabulary,
    layers: shape.layers,
    sequence(onNormInput) {
      const caches = layers.map(() => ({ keys: [] as Float64Array[], values: [] as Float64Array[] }));
      let position = 0;
      return {
        step(token) {
          const x = Float64Array.from(embedding.weights.subarray(token * shape.width, (token + 1) * shape.width));
          for (const [l, layer] of layers.entries()) {
            onNormInput?.(2 * l, x);
            const normed = norm(x, layer.attentionNorm, epsilon);
            const query = rotate(multiply(layer.query, normed), { position, headSize, base: rope.base });
            const cache = caches[l];
            cache?.keys.push(rotate(multiply(layer.key, normed), { position, headSize, base: rope.base }));
            cache?.values.push(multiply(layer.value, normed));
            const mixed = attend(query, { ...(cache ?? { keys: [], values: [] }), heads, keyHeads, headSize });
            add(x, multiply(layer.output, mixed));
            onNormInput?.(2 * l + 1, x);
            const hiddenInput = norm(x, layer.hiddenNorm, epsilon);
            add(x, multiply(layer.down, gated(multiply(layer.gate, hiddenInput), multiply(layer.up, hiddenInput))));
          }
          position++;
          onNormInput?.(2 * layers.length, x);
          return multiply(head, norm(x, finalNorm, epsilon));
        },
      };
    },
  };
}

function epsilonOf({ metadata }: Gguf): number {
  return Number(metadata.get('llama.attention.layer_norm_rms_epsilon')?.value);
}

function matrixOf(file: Uint8Array, tensor: GgufTensor): Matrix {
  const [columns = 0n, rows = 0n] = tensor.dimensions;
  return { rows: Number(rows), columns: Number(columns), weights: decodeGroups(file, tensor) };
}

function norm(x: Float64Array, w: Float64Array, epsilon: number): Float64Array {
  let squares = 0;
  for (const v of x) squares += v * v;
  const scale = 1 / Math.sqrt(squares / x.length + epsilon);
  return x.map((v, i) => v * scale * at(w, i));
}

function multiply({ rows, columns, weights }: Matrix, x: Float64Array): Float64Array {
  const out = new Float64Array(rows);
  for (let r = 0; r < rows; r++) {
    let sum = 0;
    for (let c = 0, w = r * columns; c < columns; c++, w++) sum += at(weights, w) * at(x, c);
    out[r] = sum;
  }
  return out;
}

function rotate(
  y: Float64Array,
  options: { readonly position: number; readonly headSize: number; readonly base: number },
): Float64Array {
  const { position, headSize, base } = options;
  for (let i = 0; i < y.length; i += 2) {
    const angle = position * base ** (-(i % headSize) / headSize);
    const [cos, sin, a, b] = [Math.cos(angle), Math.sin(angle), at(y, i), at(y, i + 1)];
    y[i] = a * cos - b * sin;
    y[i + 1] = a * sin + b * cos;
  }
  return y;
}

function attend(
  query: Float64Array,
  options: {
    readonly keys: readonly Float64Array[];
    readonly values: readonly Float64Array[];
    readonly heads: number;
    readonly keyHeads: number;
    readonly headSize: number;
  },
): Float64Array {
  const { keys, values, heads, keyHeads, headSize } = options;
  const out = new Float64Array(query.length);
  for (let h = 0; h < heads; h++) {
    const from = h * headSize;
    const shared = Math.floor(h / (heads / keyHeads)) * headSize;
    const scores = keys.map((key) => {
      let sum = 0;
      for (let i = 0; i < headSize; i++) sum += at(query, from + i) * at(key, shared + i);
      return sum / Math.sqrt(headSize);
    });
    const top = Math.max(...scores);
    const weights = scores.map((score) => Math.exp(score - top));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    for (const [t, value] of values.entries())
      for (let i = 0; i < headSize; i++)
        out[from + i] = at(out, from + i) + ((weights[t] ?? 0) / total) * at(value, shared + i);
  }
  return out;
}

function gated(gate: Float64Array, up: Float64Array): Float64Array {
  return gate.map((g, i) => (g / (1 + Math.exp(-g))) * at(up, i));
}

function add(x: Float64Array, y: Float64Array): void {
  for (let i = 0; i < x.length; i++) x[i] = at(x, i) + at(y, i);
}

function at(values: Float64Array | Float32Array, i: number): number {
  return values[i] ?? 0;
}
