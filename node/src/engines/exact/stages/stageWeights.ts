import { KarmeshError } from '@karmesh/sdk/errors';
import type { ExactLayerLayout, ExactMatrix, ExactSection } from '../file/exactFile.ts';
import type { ExactModel } from '../file/exactModel.ts';
import { VARIANT_BITS } from '../file/exactShape.ts';
import { isNormFormat, type LayerFormats, readLayerFormats } from '../file/layerFormats.ts';
import type { Arena } from './arena.ts';
import type { Pointer } from './kernels.ts';

/** A matrix in the kernels' memory. */
export interface Matrix {
  /** What `Kernels.linear` reads about it. */
  readonly record: Pointer;
  /** Bytes of one token's output, rows of padding included. */
  readonly outputBytes: number;
}

export interface LayerWeights {
  readonly formats: LayerFormats;
  readonly attentionNorm: Pointer;
  readonly query: Matrix;
  readonly key: Matrix;
  readonly value: Matrix;
  readonly output: Matrix;
  readonly hiddenNorm: Pointer;
  readonly gate: Matrix;
  readonly up: Matrix;
  readonly down: Matrix;
}

/** The weights of a run of layers. */
export interface StageWeights {
  readonly frequencies: Pointer;
  /** Of a stage that holds the first layer. */
  readonly embedding: { readonly weights: Pointer; readonly scales: Pointer } | undefined;
  readonly layers: readonly LayerWeights[];
  /** Of a stage that holds the last layer. `format` is Fn. */
  readonly end: { readonly format: number; readonly norm: Pointer; readonly head: Matrix } | undefined;
}

/** fraction bits. */
export const RESIDUAL_BITS = 16;
const LOGIT_BITS = 20;
const INT32_MAX = 2 ** 31 - 1;
/** */
const GATE_MAX = 2 ** 19 - 1;
const RECORD_WORDS = 11;
/** no matrix of a conversion has a T beyond. */
const SHIFT_MAX = 39;

/** Reads the weights of layers `from` to `to` into memory. Throws `MODEL_INVALID` on what no conversion gives, `ENGINE_FAILED` without room. */
export async function loadWeights(
  { model, room }: { readonly model: ExactModel; readonly room: Arena },
  { from, to }: { readonly from: number; readonly to: number },
): Promise<StageWeights> {
  const load = loader(model, room);
  const { layout } = model;
  const isLast = to === layout.shape.layers;
  const frequencies = await load.section(layout.frequencies);
  const embedding = from === 0 ? await load.embedding(isLast) : undefined;
  const layers: LayerWeights[] = [];
  for (const layer of layout.layers.slice(from, to)) layers.push(await loadLayer(model, { load, layer }));
  return { frequencies, embedding, layers, end: isLast ? await loadEnd(model, load) : undefined };
}

async function loadLayer(
  model: ExactModel,
  { load, layer }: { readonly load: Loader; readonly layer: ExactLayerLayout },
): Promise<LayerWeights> {
  const formats = readLayerFormats(await load.bytes(layer.formats), model.variant);
  const attentionMax = 2 ** (VARIANT_BITS[model.variant].attention - 1) - 1;
  const limbs = model.variant === 'wide' ? 2 : 1;
  const { biases } = layer;
  const fromAttentionNorm = { limbs, inputBits: formats.attentionNorm };
  const fromHiddenNorm = { limbs, inputBits: formats.hiddenNorm };
  const toResidual = { outputBits: RESIDUAL_BITS, max: INT32_MAX };
  const toValue = { outputBits: formats.value, max: attentionMax };
  return {
    formats,
    attentionNorm: await load.norm(layer.attentionNorm),
    query: await load.matrix(layer.query, { ...fromAttentionNorm, ...toResidual, bias: biases?.query }),
    key: await load.matrix(layer.key, { ...fromAttentionNorm, ...toResidual, bias: biases?.key }),
    value: await load.matrix(layer.value, { ...fromAttentionNorm, ...toValue, bias: biases?.value }),
    output: await load.matrix(layer.output, { limbs, inputBits: formats.value, ...toResidual, adds: true }),
    hiddenNorm: await load.norm(layer.hiddenNorm),
    gate: await load.matrix(layer.gate, { ...fromHiddenNorm, outputBits: formats.gate, max: GATE_MAX }),
    up: await load.matrix(layer.up, { ...fromHiddenNorm, outputBits: formats.up, max: GATE_MAX }),
    down: await load.matrix(layer.down, { limbs: 2, inputBits: formats.hidden, ...toResidual, adds: true }),
  };
}

async function loadEnd(model: ExactModel, load: Loader): Promise<StageWeights['end']> {
  const format = new DataView((await load.bytes(model.layout.finalFormat)).buffer).getInt32(0, true);
  if (!isNormFormat(format, model.variant))
    throw new KarmeshError('MODEL_INVALID', 'The converted model has formats that no conversion gives.', { format });
  const norm = await load.norm(model.layout.finalNorm);
  const limbs = model.variant === 'wide' ? 2 : 1;
  const head = await load.matrix(model.layout.head, {
    limbs,
    inputBits: format,
    outputBits: LOGIT_BITS,
    max: INT32_MAX,
  });
  return { format, norm, head };
}

interface MatrixUse {
  readonly limbs: number;
  /** Fin and Fout of X-22. */
  readonly inputBits: number;
  readonly outputBits: number;
  readonly max: number;
  readonly bias?: ExactSection | undefined;
  /** Whether the result is added to what it is written to. */
  readonly adds?: boolean;
}

type Loader = ReturnType<typeof loader>;

function loader(model: ExactModel, room: Arena) {
  const section = async (part: ExactSection): Promise<Pointer> => {
    const at = room.take(part.bytes);
    await model.readSection(part, room.bytes(at, part.bytes));
    return at;
  };
  // a tied head has the embedding's weights, which are loaded once.
  const shared = new Map<number, Pointer>();
  return {
    section,
    async bytes(part: ExactSection): Promise<Uint8Array<ArrayBuffer>> {
      const read = new Uint8Array(part.bytes);
      await model.readSection(part, read);
      return read;
    },
    /** magnitudes under 2^22. */
    async norm(part: ExactSection): Promise<Pointer> {
      const at = await section(part);
      if (room.int32(at, part.bytes / 4).some((w) => Math.abs(w) >= 2 ** 22))
        throw new KarmeshError('MODEL_INVALID', 'The converted model has a norm weight that no conversion gives.');
      return at;
    },
    async embedding(holdsHead: boolean): Promise<{ readonly weights: Pointer; readonly scales: Pointer }> {
      const { embedding, embeddingScales, shape } = model.layout;
      const weights = await section(embedding);
      if (shape.tied && holdsHead) shared.set(embedding.offset, weights);
      return { weights, scales: await section(embeddingScales) };
    },
    async matrix(part: ExactMatrix, use: MatrixUse): Promise<Matrix> {
      const shifts = await section(part.shifts);
      if (room.int32(shifts, part.paddedRows).some((shift) => Math.abs(shift) > SHIFT_MAX))
        throw new KarmeshError('MODEL_INVALID', 'The converted model has a row shift that no conversion gives.');
      const multipliers = await section(part.multipliers);
      const weights = shared.get(part.weights.offset) ?? (await section(part.weights));
      const bias = use.bias === undefined ? 0 : await section(use.bias);
      const record = room.take(4 * RECORD_WORDS);
      const words = [weights, multipliers, shifts, part.paddedRows / 8, part.columns, use.inputBits - use.outputBits];
      const end = [use.max, bias, RESIDUAL_BITS - use.outputBits, use.adds === true ? 1 : 0, use.limbs];
      room.int32(record, RECORD_WORDS).set([...words, ...end]);
      return { record, outputBytes: 4 * part.paddedRows };
    },
  };
}
