import { halfValue, nearestHalf } from '../../../node/src/engines/exact/convert/halfFloat.ts';
import { sourceModelOf } from '../../../node/src/engines/exact/convert/sourceModel.ts';
import { parseGguf } from '../../../node/src/models/gguf.ts';
import { rewriteGguf } from '../../detection/rewriteGguf.ts';
import { decodeFloats, decodeGroups } from './decodeTensor.ts';
import { floatModel } from './floatModel.ts';

/** A row or a column of a tensor that is multiplied; vectors have one row. */
interface Stretch {
  readonly tensor: string;
  readonly along: 'row' | 'column';
  readonly index: number;
  readonly factor: number;
}

const GROUP = 32;
const GROUP_BYTES = 34;
/** Few places, as large models have theirs. */
const CHANNELS = [13, 77, 130, 201] as const;
const HIDDEN_UNITS = [5, 100, 333, 600] as const;
const VALUE_ROWS = [3, 70] as const;
/** One pair of RoPE of every key head. */
const KEY_ROWS = [10, 11] as const;
const NORM_FACTOR = 50;
const ATTENTION_FACTOR = 20;
const RESIDUAL_CHANNELS = 4;

/**
 * A model with the outliers of large ones that means the same in real numbers: norm weights, units of the feed-forward network, values and
 * keys, each made large where it is written and as much smaller where it is read. What is left of the change is Q8_0's rounding.
 */
export function withInnerOutliers(file: Uint8Array): Uint8Array {
  const { shape } = sourceModelOf(parseGguf(file, file.length));
  const { headSize, heads, keyHeads, layers } = shape;
  const readers = (keyHead: number): readonly number[] =>
    Array.from({ length: heads }, (_, h) => h).filter((h) => Math.floor(h / (heads / keyHeads)) === keyHead);
  const layer = (l: number): readonly Stretch[] => {
    const at = (name: string): string => `blk.${l}.${name}.weight`;
    return [
      ...CHANNELS.flatMap((index) => [
        column(at('attn_norm'), index, NORM_FACTOR),
        ...['attn_q', 'attn_k', 'attn_v'].map((name) => column(at(name), index, 1 / NORM_FACTOR)),
        column(at('ffn_norm'), index, NORM_FACTOR),
        ...['ffn_gate', 'ffn_up'].map((name) => column(at(name), index, 1 / NORM_FACTOR)),
      ]),
      ...HIDDEN_UNITS.flatMap((index) => [
        row(at('ffn_up'), index, NORM_FACTOR),
        column(at('ffn_down'), index, 1 / NORM_FACTOR),
      ]),
      ...VALUE_ROWS.flatMap((index) => [
        row(at('attn_v'), index, ATTENTION_FACTOR),
        ...readers(Math.floor(index / headSize)).map((h) =>
          column(at('attn_output'), h * headSize + (index % headSize), 1 / ATTENTION_FACTOR),
        ),
      ]),
      ...KEY_ROWS.flatMap((index) =>
        Array.from({ length: keyHeads }, (_, keyHead) => [
          row(at('attn_k'), keyHead * headSize + index, ATTENTION_FACTOR),
          ...readers(keyHead).map((h) => row(at('attn_q'), h * headSize + index, 1 / ATTENTION_FACTOR)),
        ]).flat(),
      ),
    ];
  };
  const end = CHANNELS.flatMap((index) => [
    column('output_norm.weight', index, NORM_FACTOR),
    column('output.weight', index, 1 / NORM_FACTOR),
  ]);
  return stretched(file, [...Array.from({ length: layers }, (_, l) => layer(l)).flat(), ...end]);
}

/**
 * A model whose residual has four channels `factor` times as large, those with least energy on `texts`; norm weights make up for it, and for
 * the larger length by its mean. A norm mixes channels, so that this is another function: still a model at 12, a broken one at 50.
 */
export function withResidualOutliers(
  file: Uint8Array,
  options: { readonly factor: number; readonly texts: readonly (readonly number[])[] },
): Uint8Array {
  const { factor, texts } = options;
  const model = floatModel(file);
  const { layers } = model;
  const run = (onNormInput: (norm: number, x: Float64Array) => void): void => {
    for (const text of texts) {
      const sequence = model.sequence(onNormInput);
      for (const token of text) sequence.step(token);
    }
  };
  const energies: number[] = [];
  run((norm, x) => {
    if (norm === 2 * layers) for (const [i, v] of x.entries()) energies[i] = (energies[i] ?? 0) + v * v;
  });
  const order = energies.map((energy, i) => ({ energy, i })).sort((a, b) => a.energy - b.energy);
  const chosen = order.slice(0, RESIDUAL_CHANNELS).map(({ i }) => i);
  const growths = Array.from({ length: 2 * layers + 1 }, (): number[] => []);
  run((norm, x) => {
    const squares = x.reduce((sum, v) => sum + v * v, 0);
    const added = chosen.reduce((sum, i) => sum + (factor ** 2 - 1) * (x[i] ?? 0) ** 2, 0);
    growths[norm]?.push(Math.sqrt((squares + added) / squares));
  });
  const means = growths.map((all) => all.reduce((sum, growth) => sum + growth, 0) / all.length);
  const norms = ({ tensor, norm }: { readonly tensor: string; readonly norm: number }): readonly Stretch[] =>
    energies.map((_, i) => column(tensor, i, (means[norm] ?? 1) / (chosen.includes(i) ? factor : 1)));
  const layer = (l: number): readonly Stretch[] => [
    ...chosen.flatMap((index) => [
      row(`blk.${l}.attn_output.weight`, index, factor),
      row(`blk.${l}.ffn_down.weight`, index, factor),
    ]),
    ...norms({ tensor: `blk.${l}.attn_norm.weight`, norm: 2 * l }),
    ...norms({ tensor: `blk.${l}.ffn_norm.weight`, norm: 2 * l + 1 }),
  ];
  return stretched(file, [
    ...chosen.map((index) => column('token_embd.weight', index, factor)),
    ...Array.from({ length: layers }, (_, l) => layer(l)).flat(),
    ...norms({ tensor: 'output_norm.weight', norm: 2 * layers }),
  ]);
}

function row(tensor: string, index: number, factor: number): Stretch {
  return { tensor, along: 'row', index, factor };
}

function column(tensor: string, index: number, factor: number): Stretch {
  return { tensor, along: 'column', index, factor };
}

function stretched(file: Uint8Array, stretches: readonly Stretch[]): Uint8Array {
  const tensors = new Map(parseGguf(file, file.length).tensors.map((tensor) => [tensor.name, tensor]));
  const byTensor = Map.groupBy(stretches, ({ tensor }) => tensor);
  return rewriteGguf(file, {
    replace({ name, data }) {
      const tensor = tensors.get(name);
      const wanted = byTensor.get(name);
      if (tensor === undefined || wanted === undefined) return { data };
      const isVector = tensor.dimensions.length === 1;
      const values = isVector ? decodeFloats(file, tensor) : Float64Array.from(decodeGroups(file, tensor));
      stretch(values, Number(tensor.dimensions[0]), wanted);
      return { data: isVector ? new Uint8Array(Float32Array.from(values).buffer) : quantiseQ8(values) };
    },
  });
}

function stretch(values: Float64Array, columns: number, stretches: readonly Stretch[]): void {
  for (const { along, index, factor } of stretches) {
    const step = along === 'row' ? 1 : columns;
    const from = along === 'row' ? index * columns : index;
    const to = along === 'row' ? from + columns : values.length;
    for (let i = from; i < to; i += step) values[i] = (values[i] ?? 0) * factor;
  }
}

/** ggml's Q8_0: in each block of 32 the largest magnitude becomes 127. */
function quantiseQ8(values: Float64Array): Uint8Array {
  const bytes = new Uint8Array((values.length / GROUP) * GROUP_BYTES);
  const view = new DataView(bytes.buffer);
  for (let block = 0; block < values.length / GROUP; block++) {
    const group = values.subarray(block * GROUP, (block + 1) * GROUP);
    const largest = group.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    const half = nearestHalf(Math.fround(largest / 127));
    const isZero = halfValue(half) === 0;
    view.setUint16(block * GROUP_BYTES, half, true);
    for (const [i, v] of group.entries())
      view.setInt8(block * GROUP_BYTES + 2 + i, isZero ? 0 : Math.round((v * 127) / largest));
  }
  return bytes;
}
