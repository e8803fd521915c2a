import type { Shape, Weights } from '@karmesh/circuits';
import { KarmeshError } from '@karmesh/sdk/errors';
import type { TensorName } from '@karmesh/sdk/protocol';
import { rshr } from '../convert/integers.ts';
import { angle } from '../dispute/operators.ts';
import type { ExactMatrix, ExactSection } from '../file/exactFile.ts';
import type { ExactModel } from '../file/exactModel.ts';
import { VARIANT_BITS } from '../file/exactShape.ts';
import { type LayerFormats, readLayerFormats } from '../file/layerFormats.ts';
import {
  finalFormatOf,
  frequenciesOf,
  type MatrixData,
  matrixData,
  readInt32,
  sectionBytes,
  weightAt,
} from '../file/modelParts.ts';

/** An operator by the tensor that it gives. */
export interface OperatorPlace {
  readonly name: TensorName;
  readonly layer: number | undefined;
}

/** How an operator is proven: its circuit, and what is appended to it. */
export interface OperatorCircuit {
  readonly shape: Shape;
  readonly weights?: Weights;
  /** The circuit's names for the tensors that the operator reads, in the order of X-73; `k` and `v` stand for one tensor of each position. */
  readonly reads: readonly string[];
}

/** The circuits of a model's operators. */
export interface OperatorCircuits {
  /**
   * Of one operator; `positions` is how many positions attention has room for. Throws `BAD_ARGUMENT` for the embedding, which has none: it is opened and
   * compared with the model's row.
   */
  of(place: OperatorPlace, options: { readonly positions: number }): Promise<OperatorCircuit>;
  /** the cosines and sines of a position as circuits read them. */
  angles(position: number): Int32Array;
}

/** fraction bits of residuals and of what is rotated; X-27: of logits. */
const RESIDUAL_FRACTION = 16;
const LOGIT_FRACTION = 20;

type Row = 'query' | 'key' | 'value' | 'output' | 'gate' | 'down' | 'head';

/**
 * Reads what decides the circuits of a model: shifts and formats. One kind of operator has one shape in all layers, if its formats allow: rows that shift by less than
 * the kind's largest shift S are multiplied by the missing power of two, which gives the same integers (Z-11).
 */
export async function operatorCircuits(model: ExactModel): Promise<OperatorCircuits> {
  const { shape, layers, head, finalNorm } = model.layout;
  const bits = VARIANT_BITS[model.variant];
  const formats = await Promise.all(
    layers.map(async (layer) => readLayerFormats(await sectionBytes(model, layer.formats), model.variant)),
  );
  const lastFormat = await finalFormatOf(model);
  const frequencies = await frequenciesOf(model);
  const normShift = 48 - Math.min(lastFormat, ...formats.flatMap((of) => [of.attentionNorm, of.hiddenNorm]));

  const largest = new Map<Row, number>();
  const note = async (row: Row, matrix: ExactMatrix, by: number): Promise<void> => {
    const shifts = (await readInt32(model, matrix.shifts)).subarray(0, matrix.rows);
    const most = shifts.reduce((top, shift) => Math.max(top, shift + by), 1);
    largest.set(row, Math.max(largest.get(row) ?? 1, most));
  };
  for (const [i, layer] of layers.entries()) {
    const of = formats[i] as LayerFormats;
    await note('query', layer.query, of.attentionNorm - RESIDUAL_FRACTION);
    await note('key', layer.key, of.attentionNorm - RESIDUAL_FRACTION);
    await note('value', layer.value, of.attentionNorm - of.value);
    await note('output', layer.output, of.value - RESIDUAL_FRACTION);
    await note('gate', layer.gate, of.hiddenNorm - of.gate);
    await note('gate', layer.up, of.hiddenNorm - of.up);
    await note('down', layer.down, of.hidden - RESIDUAL_FRACTION);
  }
  await note('head', head, lastFormat - LOGIT_FRACTION);

  /** The rows of a matrix with their multipliers, each at the shift of its kind. */
  const rows = async (
    row: Row,
    matrix: ExactMatrix,
    by: { readonly from: number; readonly to: number; readonly bias?: Int32Array | undefined },
  ): Promise<{
    readonly weights: Weights;
    readonly shift: number;
    readonly rows: number;
    readonly columns: number;
  }> => {
    const shift = largest.get(row) ?? 1;
    const data = await matrixData(model, matrix);
    const { rows: count, columns } = matrix;
    const weights: Weights = {
      rows: count,
      columns,
      row: (index) => foldedRow(data, index, 2 ** (shift - ((data.shifts[index] ?? 0) + by.from - by.to))),
      bias: (index) => (by.bias?.[index] ?? 0) * 2 ** shift,
    };
    return { weights, shift, rows: count, columns };
  };
  const normCircuit = async (part: ExactSection, format: number): Promise<OperatorCircuit> => {
    const w = await readInt32(model, part);
    const factor = 2 ** (normShift - (48 - format));
    const width = w.length;
    const row = (index: number): number[] => {
      const entries = new Array<number>(width).fill(0);
      entries[index] = (w[index] ?? 0) * factor;
      return entries;
    };
    return {
      shape: { kind: 'norm', width, epsilon: Number(model.epsilon) * width, shift: normShift, outputBits: bits.norm },
      weights: { rows: width, columns: width, row },
      reads: ['x'],
    };
  };

  const of: OperatorCircuits['of'] = async ({ name, layer: at }, { positions }) => {
    if (name === 'finalNorm') return normCircuit(finalNorm, lastFormat);
    if (name === 'logits') {
      const { weights, shift, columns } = await rows('head', head, { from: lastFormat, to: LOGIT_FRACTION });
      const { vocabulary } = shape;
      return {
        shape: { kind: 'head', vocabulary, columns, inputBits: bits.norm, shift, logitBits: 32 },
        weights,
        reads: ['x'],
      };
    }
    const layer = layers[at ?? -1];
    const format = formats[at ?? -1];
    if (layer === undefined || format === undefined || name === 'embedding')
      throw new KarmeshError('BAD_ARGUMENT', 'This operator has no circuit.', { name, layer: at });
    switch (name) {
      case 'attentionNorm':
        return normCircuit(layer.attentionNorm, format.attentionNorm);
      case 'feedForwardNorm':
        return normCircuit(layer.hiddenNorm, format.hiddenNorm);
      case 'q':
      case 'k': {
        const isQuery = name === 'q';
        const biases = isQuery ? layer.biases?.query : layer.biases?.key;
        const { weights, ...size } = await rows(isQuery ? 'query' : 'key', isQuery ? layer.query : layer.key, {
          from: format.attentionNorm,
          to: RESIDUAL_FRACTION,
          bias: biases === undefined ? undefined : await readInt32(model, biases),
        });
        const { headSize, pairs } = shape;
        const fraction = isQuery ? format.query : format.key;
        return {
          shape: {
            kind: 'rotated',
            ...size,
            inputBits: bits.norm,
            headSize,
            pairs,
            fraction,
            outputBits: bits.attention,
          },
          weights,
          reads: ['x'],
        };
      }
      case 'v': {
        const biases = layer.biases === undefined ? undefined : await readInt32(model, layer.biases.value);
        const { weights, ...size } = await rows('value', layer.value, {
          from: format.attentionNorm,
          to: format.value,
          bias: biases?.map((bias) => Number(rshr(BigInt(bias), RESIDUAL_FRACTION - format.value))),
        });
        return {
          shape: { kind: 'linear', ...size, inputBits: bits.norm, outputBits: bits.attention },
          weights,
          reads: ['x'],
        };
      }
      case 'attention':
        return {
          shape: {
            kind: 'attention',
            heads: shape.heads,
            keyHeads: shape.keyHeads,
            headSize: shape.headSize,
            positions,
            bits: bits.attention,
            shift: format.query + format.key - 12,
          },
          reads: ['q', 'k', 'v'],
        };
      case 'gate':
      case 'up': {
        const [matrix, to] = name === 'gate' ? [layer.gate, format.gate] : [layer.up, format.up];
        const { weights, ...size } = await rows('gate', matrix, { from: format.hiddenNorm, to });
        return { shape: { kind: 'linear', ...size, inputBits: bits.norm, outputBits: 20 }, weights, reads: ['x'] };
      }
      case 'hidden':
        return {
          shape: {
            kind: 'hidden',
            width: shape.hidden,
            gateFraction: format.gate,
            shift: 17 + format.up - format.hidden,
          },
          reads: ['g', 'u'],
        };
      case 'residualBehindAttention': {
        const { weights, ...size } = await rows('output', layer.output, { from: format.value, to: RESIDUAL_FRACTION });
        return { shape: { kind: 'residual', ...size, inputBits: bits.attention }, weights, reads: ['x', 'r'] };
      }
      case 'residual': {
        const { weights, ...size } = await rows('down', layer.down, { from: format.hidden, to: RESIDUAL_FRACTION });
        return { shape: { kind: 'residual', ...size, inputBits: 30 }, weights, reads: ['x', 'r'] };
      }
    }
  };

  return {
    of,
    angles: (position) => Int32Array.from(frequencies.flatMap((frequency) => angle(frequency, position).map(Number))),
  };
}

/** q times its group's multiplier and a power of two. */
function foldedRow({ weights, multipliers, columns }: MatrixData, row: number, factor: number): Float64Array {
  const tile = row >> 3;
  const inTile = row & 7;
  return Float64Array.from({ length: columns }, (_, column) => {
    const multiplier = multipliers[(tile * (columns / 32) + (column >> 5)) * 8 + inTile] ?? 0;
    const entry = weightAt(weights, { tile, inTile, columns, column }) * multiplier;
    // A row of zeros may have any shift.
    return entry === 0 ? 0 : entry * factor;
  });
}
