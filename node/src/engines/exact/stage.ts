import { KarmeshError } from '@karmesh/sdk/errors';
import { type Arena, arena } from './arena.ts';
import type { ExactMatrix, ExactSection } from './exactFile.ts';
import type { ExactModel } from './exactModel.ts';
import { VARIANT_BITS } from './exactShape.ts';
import type { Kernels, Pointer } from './kernels.ts';
import { isNormFormat, type LayerFormats, readLayerFormats } from './layerFormats.ts';
import type { TensorName } from './traceShape.ts';

export interface StageOptions {
  /** the layers it runs, `to` excluded; all unless told. */
  readonly from?: number;
  readonly to?: number;
  /** How many sequences it keeps caches for. */
  readonly sequences: number;
  /** Positions of a sequence, at most. */
  readonly contextSize: number;
  /** Positions that one call runs, at most. */
  readonly batch: number;
  /** Threads that share the memory, this one included. */
  readonly threads: number;
}

export interface StageParts {
  readonly memory: WebAssembly.Memory;
  readonly kernels: Kernels;
  readonly model: ExactModel;
}

/** One position of one sequence. Those of a sequence come in order, each once, until it is begun anew from an earlier position. */
export interface StageRow {
  readonly sequence: number;
  readonly position: number;
  /** Read by a stage that holds the first layer. */
  readonly token: number;
  /** Whether a stage that holds the last layer is to compute its logits. */
  readonly wantsLogits: boolean;
}

/** Sees every tensor once it is computed. `bytes` is good until the call returns. */
export type TensorObserver = (tensor: {
  readonly name: TensorName;
  readonly layer: number | undefined;
  readonly row: number;
  /** Integers of 32 bits, little-endian; k and v of a narrow model of 16. */
  readonly bytes: Uint8Array;
}) => void;

/** A run of layers over its own memory. It is synchronous: whoever must stay responsive gives it a thread. */
export interface Stage {
  readonly from: number;
  readonly to: number;
  /** What helping threads must be told. */
  readonly assembly: Assembly;
  /** Room of 1 KiB for whoever reads logits. */
  readonly scratch: Pointer;
  /** Bytes of memory in use. */
  memoryBytes(): number;
  /**
   * Runs rows through its layers. A stage that does not begin at layer 0 takes `residuals`, row by row. Throws `BAD_ARGUMENT` on rows
   * out of range, `ENGINE_FAILED` if memory for a sequence's cache is lacking.
   */
  run(rows: readonly StageRow[], input?: Int32Array, observe?: TensorObserver): StageOutput;
}

/** The arguments of `Kernels.assemble`. */
export interface Assembly {
  readonly record: Pointer;
  readonly threads: number;
  readonly sums: Pointer;
  readonly scratch: Pointer;
  readonly scratchBytes: number;
}

export interface StageOutput {
  /** The residuals behind its last layer, row by row. A view: good until the next call. */
  readonly residuals: Int32Array;
  /** Where the logits of each row that wants them lie, i32 for each token; empty unless it holds the last layer. */
  readonly logits: readonly Pointer[];
}

interface Matrix {
  readonly record: Pointer;
  readonly limbs: number;
  readonly columns: number;
  readonly outputBytes: number;
}

interface Layer {
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

/** */
const RESIDUAL_BITS = 16;
const LOGIT_BITS = 20;
const INT32_MAX = 2 ** 31 - 1;
const GATE_MAX = 2 ** 19 - 1;
const HIDDEN_MAX = 2 ** 29 - 1;
const RECORD_WORDS = 11;
const THREAD_RECORD_BYTES = 64;
const SUMS_BYTES = 256;
const SCRATCH_BYTES_A_POSITION = 12;
const CALLER_SCRATCH_BYTES = 1024;

/** Loads the weights of layers `from` to `to` into the kernels' memory. Throws `MODEL_INVALID`, `ENGINE_FAILED`, `BAD_ARGUMENT`. */
export async function openStage(options: StageOptions, { memory, kernels, model }: StageParts): Promise<Stage> {
  const { shape } = model.layout;
  const from = options.from ?? 0;
  const to = options.to ?? shape.layers;
  const { sequences, contextSize, batch, threads } = options;
  if (!Number.isInteger(from) || !Number.isInteger(to) || from < 0 || from >= to || to > shape.layers)
    throw new KarmeshError('BAD_ARGUMENT', 'The model has no such layers.', { from, to, layers: shape.layers });
  const room = arena(memory, kernels.freeFrom());
  const loader = weightLoader(model, room);
  const wide = model.variant === 'wide';
  const bits = VARIANT_BITS[model.variant];
  const normMax = 2 ** (bits.norm - 1) - 1;
  const attentionMax = 2 ** (bits.attention - 1) - 1;
  const queryWidth = shape.heads * shape.headSize;
  const keyWidth = shape.keyHeads * shape.headSize;
  const pairs = shape.headSize / 2;
  const narrowLimbs = wide ? 2 : 1;
  const isFirst = from === 0;
  const isLast = to === shape.layers;

  const frequencies = await loader.section(model.layout.frequencies);
  const embedding = isFirst ? await loader.embedding(isLast) : undefined;
  const layers: Layer[] = [];
  for (const parts of model.layout.layers.slice(from, to)) {
    const formats = readLayerFormats(await loader.bytes(parts.formats), model.variant);
    const { biases } = parts;
    const normed = (norm: number) => ({ limbs: narrowLimbs, inputBits: norm });
    layers.push({
      formats,
      attentionNorm: await loader.norm(parts.attentionNorm),
      query: await loader.matrix(parts.query, {
        ...normed(formats.attentionNorm),
        outputBits: RESIDUAL_BITS,
        max: INT32_MAX,
        bias: biases?.query,
      }),
      key: await loader.matrix(parts.key, {
        ...normed(formats.attentionNorm),
        outputBits: RESIDUAL_BITS,
        max: INT32_MAX,
        bias: biases?.key,
      }),
      value: await loader.matrix(parts.value, {
        ...normed(formats.attentionNorm),
        outputBits: formats.value,
        max: attentionMax,
        bias: biases?.value,
      }),
      output: await loader.matrix(parts.output, {
        limbs: narrowLimbs,
        inputBits: formats.value,
        outputBits: RESIDUAL_BITS,
        max: INT32_MAX,
        adds: true,
      }),
      hiddenNorm: await loader.norm(parts.hiddenNorm),
      gate: await loader.matrix(parts.gate, {
        ...normed(formats.hiddenNorm),
        outputBits: formats.gate,
        max: GATE_MAX,
      }),
      up: await loader.matrix(parts.up, { ...normed(formats.hiddenNorm), outputBits: formats.up, max: GATE_MAX }),
      down: await loader.matrix(parts.down, {
        limbs: 2,
        inputBits: formats.hidden,
        outputBits: RESIDUAL_BITS,
        max: INT32_MAX,
        adds: true,
      }),
    });
  }
  const end = isLast ? await loadEnd(model, { loader, limbs: narrowLimbs }) : undefined;

  const x = room.take(4 * batch * shape.width);
  const y = room.take(4 * batch * shape.width);
  const q32 = room.take(4 * batch * queryWidth);
  const k32 = room.take(4 * batch * keyWidth);
  const v32 = room.take(4 * batch * keyWidth);
  const valueBytes = wide ? 4 : 2;
  const q = room.take(valueBytes * batch * queryWidth);
  const attention = room.take(4 * batch * queryWidth);
  const gate = room.take(4 * batch * shape.hidden);
  const up = room.take(4 * batch * shape.hidden);
  const hidden = room.take(4 * batch * shape.hidden);
  const angles = room.take(8 * batch * pairs);
  // Lanes come in groups of four, so that the last group may be wider than what is packed.
  const packed = room.take(2 * (2 * batch + 4) * Math.max(shape.width, queryWidth, shape.hidden));
  const logits = end === undefined ? 0 : room.take(batch * end.head.outputBytes);
  const assembly: Assembly = {
    record: room.take(THREAD_RECORD_BYTES),
    threads,
    sums: room.take(SUMS_BYTES * threads),
    scratch: room.take(SCRATCH_BYTES_A_POSITION * contextSize * threads),
    scratchBytes: SCRATCH_BYTES_A_POSITION * contextSize,
  };
  kernels.assemble(assembly.record, threads, assembly.sums, assembly.scratch, assembly.scratchBytes);
  const scratch = room.take(CALLER_SCRATCH_BYTES);
  const cacheBytes = valueBytes * keyWidth;
  // A sequence gets its cache when it is first used: contexts are long and most machines run few sequences.
  const caches: (Pointer | undefined)[] = Array.from({ length: sequences });
  const cacheOf = (sequence: number): Pointer => {
    const known = caches[sequence];
    if (known !== undefined) return known;
    const taken = room.take(2 * layers.length * contextSize * cacheBytes);
    caches[sequence] = taken;
    return taken;
  };

  const run: Stage['run'] = (rows, input, observe) => {
    checkRows(rows, { ...options, vocabulary: isFirst ? shape.vocabulary : undefined });
    const count = rows.length;
    const width = shape.width;
    const see = (name: TensorName, layer: number | undefined, tensor: { at: Pointer; bytes: number; row: number }) =>
      observe?.({ name, layer, row: tensor.row, bytes: room.bytes(tensor.at, tensor.bytes) });
    const seeRows = (name: TensorName, layer: number | undefined, at: Pointer, values: number): void => {
      if (observe === undefined) return;
      for (let row = 0; row < count; row++) see(name, layer, { at: at + 4 * row * values, bytes: 4 * values, row });
    };
    const apply = (matrix: Matrix, from: Pointer, out: Pointer): void => {
      kernels.linear(matrix.record, count, from, out, matrix.outputBytes);
    };
    const packRows = (from: Pointer, columns: number, limbs: number): void =>
      kernels.pack(from, 4 * columns, count, columns, limbs, packed);

    if (embedding !== undefined) {
      for (const [row, { token }] of rows.entries())
        kernels.embed(embedding.weights, embedding.scales, token, width, x + 4 * row * width);
      seeRows('embedding', undefined, x, width);
    } else {
      if (input === undefined || input.length !== count * width)
        throw new KarmeshError('BAD_ARGUMENT', 'A stage that begins behind the first layer needs residuals.', {
          values: input?.length ?? 0,
          wanted: count * width,
        });
      room.int32(x, input.length).set(input);
    }
    for (const [row, { position }] of rows.entries())
      kernels.angles(frequencies, position, pairs, angles + 8 * row * pairs);

    for (const [index, layer] of layers.entries()) {
      const { formats } = layer;
      const name = from + index;
      for (let row = 0; row < count; row++)
        kernels.norm(
          x + 4 * row * width,
          layer.attentionNorm,
          y + 4 * row * width,
          width,
          model.epsilon * BigInt(width),
          48 - formats.attentionNorm,
          normMax,
        );
      seeRows('attentionNorm', name, y, width);
      packRows(y, width, narrowLimbs);
      apply(layer.query, packed, q32);
      apply(layer.key, packed, k32);
      apply(layer.value, packed, v32);
      const halves = shape.pairs === 'halves' ? 1 : 0;
      for (const [row, { sequence, position }] of rows.entries()) {
        const table = angles + 8 * row * pairs;
        const cache = cacheOf(sequence) + 2 * index * contextSize * cacheBytes;
        const keys = cache + position * cacheBytes;
        const values = keys + contextSize * cacheBytes;
        const queryRow = q + valueBytes * row * queryWidth;
        const turn = (from: Pointer, heads: number, format: number, out: Pointer): void =>
          kernels.rotate(
            from,
            heads,
            shape.headSize,
            halves,
            table,
            14 + RESIDUAL_BITS - format,
            attentionMax,
            wide ? 1 : 0,
            out,
          );
        turn(q32 + 4 * row * queryWidth, shape.heads, formats.query, queryRow);
        turn(k32 + 4 * row * keyWidth, shape.keyHeads, formats.key, keys);
        kernels.narrowTo(v32 + 4 * row * keyWidth, keyWidth, wide ? 1 : 0, values);
        if (observe !== undefined) {
          const widened = wide ? room.bytes(queryRow, 4 * queryWidth) : widen(room.bytes(queryRow, 2 * queryWidth));
          observe({ name: 'q', layer: name, row, bytes: widened });
          see('k', name, { at: keys, bytes: cacheBytes, row });
          see('v', name, { at: values, bytes: cacheBytes, row });
        }
      }
      for (const [row, { sequence, position }] of rows.entries()) {
        const cache = cacheOf(sequence) + 2 * index * contextSize * cacheBytes;
        kernels.attend(
          q + valueBytes * row * queryWidth,
          cache,
          cache + contextSize * cacheBytes,
          cacheBytes,
          position + 1,
          shape.heads,
          shape.heads / shape.keyHeads,
          shape.headSize,
          formats.query + formats.key - 12,
          wide ? 1 : 0,
          attention + 4 * row * queryWidth,
        );
      }
      seeRows('attention', name, attention, queryWidth);
      packRows(attention, queryWidth, narrowLimbs);
      apply(layer.output, packed, x);
      seeRows('residualBehindAttention', name, x, width);
      for (let row = 0; row < count; row++)
        kernels.norm(
          x + 4 * row * width,
          layer.hiddenNorm,
          y + 4 * row * width,
          width,
          model.epsilon * BigInt(width),
          48 - formats.hiddenNorm,
          normMax,
        );
      seeRows('feedForwardNorm', name, y, width);
      packRows(y, width, narrowLimbs);
      apply(layer.gate, packed, gate);
      apply(layer.up, packed, up);
      kernels.gated(
        gate,
        up,
        hidden,
        count * shape.hidden,
        formats.gate - 16,
        17 + formats.up - formats.hidden,
        HIDDEN_MAX,
      );
      seeRows('gate', name, gate, shape.hidden);
      seeRows('up', name, up, shape.hidden);
      seeRows('hidden', name, hidden, shape.hidden);
      packRows(hidden, shape.hidden, 2);
      apply(layer.down, packed, x);
      seeRows('residual', name, x, width);
    }

    const found: Pointer[] = [];
    if (end !== undefined) {
      const wanted = rows.flatMap(({ wantsLogits }, row) => (wantsLogits ? [row] : []));
      for (const [i, row] of wanted.entries()) {
        kernels.norm(
          x + 4 * row * width,
          end.norm,
          y + 4 * i * width,
          width,
          model.epsilon * BigInt(width),
          48 - end.format,
          normMax,
        );
        see('finalNorm', undefined, { at: y + 4 * i * width, bytes: 4 * width, row });
      }
      if (wanted.length > 0) {
        kernels.pack(y, 4 * width, wanted.length, width, narrowLimbs, packed);
        kernels.linear(end.head.record, wanted.length, packed, logits, end.head.outputBytes);
      }
      for (const [i, row] of wanted.entries()) {
        const at = logits + i * end.head.outputBytes;
        see('logits', undefined, { at, bytes: 4 * shape.vocabulary, row });
        found.push(at);
      }
    }
    return { residuals: room.int32(x, count * width), logits: found };
  };

  return { from, to, assembly, scratch, memoryBytes: () => memory.buffer.byteLength, run };
}

async function loadEnd(
  model: ExactModel,
  { loader, limbs }: { readonly loader: WeightLoader; readonly limbs: number },
) {
  const format = new DataView((await loader.bytes(model.layout.finalFormat)).buffer).getInt32(0, true);
  if (!isNormFormat(format, model.variant))
    throw new KarmeshError('MODEL_INVALID', 'The converted model has formats that no conversion gives.', { format });
  const norm = await loader.norm(model.layout.finalNorm);
  const head = await loader.matrix(model.layout.head, {
    limbs,
    inputBits: format,
    outputBits: LOGIT_BITS,
    max: INT32_MAX,
  });
  return { format, norm, head };
}

interface MatrixUse {
  readonly limbs: number;
  readonly inputBits: number;
  readonly outputBits: number;
  readonly max: number;
  readonly bias?: ExactSection | undefined;
  readonly adds?: boolean;
}

type WeightLoader = ReturnType<typeof weightLoader>;

/** Reads sections into the kernels' memory, and refuses what X-40 does not bound. */
function weightLoader(model: ExactModel, room: Arena) {
  const section = async (part: ExactSection): Promise<Pointer> => {
    const at = room.take(part.bytes);
    await model.readSection(part, room.bytes(at, part.bytes));
    return at;
  };
  const bytes = async (part: ExactSection): Promise<Uint8Array<ArrayBuffer>> => {
    const read = new Uint8Array(part.bytes);
    await model.readSection(part, read);
    return read;
  };
  const weights = new Map<ExactSection, Pointer>();
  return {
    section,
    bytes,
    /** magnitudes under 2^22. */
    async norm(part: ExactSection): Promise<Pointer> {
      const at = await section(part);
      if (room.int32(at, part.bytes / 4).some((w) => Math.abs(w) >= 2 ** 22))
        throw new KarmeshError('MODEL_INVALID', 'The converted model has a norm weight that no conversion gives.');
      return at;
    },
    /** the embedding's weights are the head's if they are tied. */
    async embedding(holdsHead: boolean): Promise<{ readonly weights: Pointer; readonly scales: Pointer }> {
      const { embedding, embeddingScales, shape } = model.layout;
      const at = await section(embedding);
      if (shape.tied && holdsHead) weights.set(embedding, at);
      return { weights: at, scales: await section(embeddingScales) };
    },
    async matrix(part: ExactMatrix, use: MatrixUse): Promise<Matrix> {
      const shifts = await section(part.shifts);
      const shift = use.inputBits - use.outputBits;
      // X-11 gives no T over 39; a sum that is shifted to the left might leave 64 bits.
      if (room.int32(shifts, part.paddedRows).some((t) => t > 39 || t < -39))
        throw new KarmeshError('MODEL_INVALID', 'The converted model has a row shift that no conversion gives.');
      const multipliers = await section(part.multipliers);
      const q = weights.get(part.weights) ?? (await section(part.weights));
      const bias = use.bias === undefined ? 0 : await section(use.bias);
      const record = room.take(4 * RECORD_WORDS);
      room
        .int32(record, RECORD_WORDS)
        .set([
          q,
          multipliers,
          shifts,
          part.paddedRows / 8,
          part.columns,
          shift,
          use.max,
          bias,
          RESIDUAL_BITS - use.outputBits,
          use.adds === true ? 1 : 0,
          use.limbs,
        ]);
      return { record, limbs: use.limbs, columns: part.columns, outputBytes: 4 * part.paddedRows };
    },
  };
}

function checkRows(
  rows: readonly StageRow[],
  limits: {
    readonly sequences: number;
    readonly contextSize: number;
    readonly batch: number;
    readonly vocabulary: number | undefined;
  },
): void {
  const { sequences, contextSize, batch, vocabulary } = limits;
  if (rows.length < 1 || rows.length > batch)
    throw new KarmeshError('BAD_ARGUMENT', 'A stage runs at least one position and no more than its batch.', {
      rows: rows.length,
      batch,
    });
  for (const { sequence, position, token } of rows) {
    if (!isIndex(sequence, sequences) || !isIndex(position, contextSize))
      throw new KarmeshError('BAD_ARGUMENT', 'A stage was given a sequence or a position that it has no room for.', {
        sequence,
        position,
        sequences,
        contextSize,
      });
    if (vocabulary !== undefined && !isIndex(token, vocabulary))
      throw new KarmeshError('BAD_ARGUMENT', 'The model has no such token.', { token, vocabulary });
  }
}

function isIndex(value: number, end: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < end;
}

/** q is 32 bits wide in a trace, whatever the kernels hold it in. */
function widen(bytes: Uint8Array<ArrayBuffer>): Uint8Array {
  const values = Int32Array.from(new Int16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2));
  return new Uint8Array(values.buffer);
}
