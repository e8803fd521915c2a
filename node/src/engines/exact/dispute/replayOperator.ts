import { KarmeshError } from '@karmesh/sdk/errors';
import {
  CHUNK_VALUES,
  chunksOf,
  equalBytes,
  type Hash,
  type LeafPlace,
  operatorInputs,
  type Sha256,
  type TensorPlace,
  type TraceShape,
  traceLeaf,
} from '@karmesh/sdk/protocol';
import { halfDigits, halfShift } from '../convert/halfFloat.ts';
import { rshr } from '../convert/integers.ts';
import type { ExactMatrix } from '../file/exactFile.ts';
import type { ExactModel } from '../file/exactModel.ts';
import { VARIANT_BITS } from '../file/exactShape.ts';
import { readLayerFormats } from '../file/layerFormats.ts';
import { finalFormatOf, frequenciesOf, matrixData, readInt32, sectionBytes } from '../file/modelParts.ts';
import { sat } from './integers.ts';
import { attend, embedding, gated, linear, norm, rotate } from './operators.ts';

/** What an operator reads: values of tensors that come before it in the trace, and the token where it is the embedding. */
export interface OperatorInputs {
  readonly token: number;
  tensor(place: TensorPlace): Int32Array;
}

/**
 * Computes one operator of a run from what it reads, on integers without a limit and with no code of the engine's kernels. `inputs`
 * must have been checked against the trace. Throws `MODEL_INVALID` if the model cannot be read.
 */
export async function replayOperator(
  model: ExactModel,
  place: TensorPlace,
  inputs: OperatorInputs,
): Promise<Int32Array> {
  const { shape } = model.layout;
  const read = operatorInputs(place, shape.layers).map((input) => inputs.tensor(input));
  const [first = new Int32Array(0), second = new Int32Array(0)] = read;
  const bits = VARIANT_BITS[model.variant];
  const { name, position } = place;
  if (name === 'embedding') return (await embeddingRows(model))(inputs.token);
  if (name === 'finalNorm') {
    const format = await finalFormatOf(model);
    const w = await readInt32(model, model.layout.finalNorm);
    return norm(first, w, { epsilon: model.epsilon, format, bits: bits.norm });
  }
  if (name === 'logits') {
    const format = await finalFormatOf(model);
    return limited(linear(await matrixData(model, model.layout.head), first, { from: format, to: 20 }), 32);
  }
  const layer = model.layout.layers[place.layer ?? -1];
  if (layer === undefined)
    throw new KarmeshError('BAD_ARGUMENT', 'The model has no such layer.', { layer: place.layer ?? -1 });
  const formats = readLayerFormats(await sectionBytes(model, layer.formats), model.variant);
  const apply = async (matrix: ExactMatrix, x: Int32Array, from: number, to: number): Promise<readonly bigint[]> =>
    linear(await matrixData(model, matrix), x, { from, to });
  switch (name) {
    case 'attentionNorm':
    case 'feedForwardNorm': {
      const [part, format] =
        name === 'attentionNorm'
          ? [layer.attentionNorm, formats.attentionNorm]
          : [layer.hiddenNorm, formats.hiddenNorm];
      return norm(first, await readInt32(model, part), { epsilon: model.epsilon, format, bits: bits.norm });
    }
    case 'q':
    case 'k': {
      const [matrix, bias, format] =
        name === 'q' ? [layer.query, layer.biases?.query, formats.query] : [layer.key, layer.biases?.key, formats.key];
      const rows = await apply(matrix, first, formats.attentionNorm, 16);
      const biases = bias === undefined ? undefined : await readInt32(model, bias);
      return rotate(
        rows.map((value, row) => sat(value + BigInt(biases?.[row] ?? 0), 32)),
        {
          position,
          frequencies: await frequenciesOf(model),
          pairs: shape.pairs,
          headSize: shape.headSize,
          format,
          bits: bits.attention,
        },
      );
    }
    case 'v': {
      const rows = await apply(layer.value, first, formats.attentionNorm, formats.value);
      const biases = layer.biases === undefined ? undefined : await readInt32(model, layer.biases.value);
      return limited(
        rows.map((value, row) => value + rshr(BigInt(biases?.[row] ?? 0), 16 - formats.value)),
        bits.attention,
      );
    }
    case 'attention': {
      const past = read.slice(1);
      return attend(
        first,
        { keys: past.slice(0, position + 1), values: past.slice(position + 1) },
        {
          headSize: shape.headSize,
          group: shape.heads / shape.keyHeads,
          scoreFormat: formats.query + formats.key,
        },
      );
    }
    case 'residualBehindAttention':
      return added(second, await apply(layer.output, first, formats.value, 16));
    case 'gate':
      return limited(await apply(layer.gate, first, formats.hiddenNorm, formats.gate), 20);
    case 'up':
      return limited(await apply(layer.up, first, formats.hiddenNorm, formats.up), 20);
    case 'hidden':
      return gated(first, second, formats);
    case 'residual':
      return added(second, await apply(layer.down, first, formats.hidden, 16));
  }
}

/** Who has the leaf that the operator gives: a disputed leaf has one right value. */
export function judgeLeaf(
  options: {
    readonly shape: TraceShape;
    readonly place: LeafPlace;
    /** The whole tensor, recomputed. */
    readonly values: Int32Array;
    readonly a: Hash;
    readonly b: Hash;
  },
  { sha256 }: { readonly sha256: Sha256 },
): 'a' | 'b' | 'neither' {
  const { shape, place, values, a, b } = options;
  const valueBytes = shape.tensors[place.tensor]?.valueBytes ?? 4;
  const chunk = values.slice(place.chunk * CHUNK_VALUES, (place.chunk + 1) * CHUNK_VALUES);
  const bytes = new Uint8Array((valueBytes === 2 ? Int16Array.from(chunk) : chunk).buffer);
  const right = traceLeaf(sha256, place, bytes);
  return equalBytes(right, a) ? 'a' : equalBytes(right, b) ? 'b' : 'neither';
}

/** Puts a tensor together from its opened chunks. Throws `BAD_ARGUMENT` if one is missing or has another size. */
export function tensorOf(shape: TraceShape, place: TensorPlace, leaf: (index: number) => Uint8Array): Int32Array {
  const tensor = shape.tensors.findIndex(({ name, layer }) => name === place.name && layer === place.layer);
  const described = shape.tensors[tensor];
  if (described === undefined)
    throw new KarmeshError('BAD_ARGUMENT', 'The trace has no such tensor.', { tensor: place.name });
  const values = new Int32Array(described.length);
  for (let chunk = 0; chunk < chunksOf(described.length); chunk++) {
    const bytes = leaf(shape.indexOf({ position: place.position, tensor, chunk })).slice();
    const part = described.valueBytes === 2 ? new Int16Array(bytes.buffer) : new Int32Array(bytes.buffer);
    if (part.length !== Math.min(CHUNK_VALUES, described.length - chunk * CHUNK_VALUES))
      throw new KarmeshError('BAD_ARGUMENT', 'An opened leaf has another size than its tensor gives it.', {
        tensor: place.name,
        chunk,
      });
    values.set(part, chunk * CHUNK_VALUES);
  }
  return values;
}

function limited(values: readonly bigint[], bits: number): Int32Array {
  return Int32Array.from(values, (value) => Number(sat(value, bits)));
}

/** */
function added(x: Int32Array, values: readonly bigint[]): Int32Array {
  return x.map((v, i) => Number(sat(BigInt(v) + (values[i] ?? 0n), 32)));
}

/** the embeddings of a model's tokens. */
export async function embeddingRows(model: ExactModel): Promise<(token: number) => Int32Array> {
  const { embedding: section, embeddingScales, shape } = model.layout;
  const columns = shape.width;
  const groups = columns / 32;
  const scales = new Uint16Array((await sectionBytes(model, embeddingScales)).buffer);
  const weights = new Int8Array((await sectionBytes(model, section)).buffer);
  return (token) => {
    const row = scales.subarray(token * groups, (token + 1) * groups);
    return embedding({ weights, columns }, token, Array.from(row, halfUnits));
  };
}

/** a finite half-precision float in units of 2^-24. */
function halfUnits(bits: number): bigint {
  const m = BigInt(halfDigits(bits)) << BigInt(halfShift(bits));
  return (bits & 0x8000) === 0 ? m : -m;
}
