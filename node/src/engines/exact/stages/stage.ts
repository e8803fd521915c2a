import { KarmeshError } from '@karmesh/sdk/errors';
import type { TensorName } from '@karmesh/sdk/protocol';
import type { ExactModel } from '../file/exactModel.ts';
import { VARIANT_BITS } from '../file/exactShape.ts';
import { type Arena, arena } from './arena.ts';
import type { Kernels, Pointer } from './kernels.ts';
import { type LayerWeights, loadWeights, type Matrix, RESIDUAL_BITS, type StageWeights } from './stageWeights.ts';

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

/** One position of one sequence. Those of a sequence come in order; one that comes again forgets what came behind it. */
export interface StageRow {
  readonly sequence: number;
  readonly position: number;
  /** Read by a stage that holds the first layer. */
  readonly token: number;
  /** Whether a stage that holds the last layer is to compute its logits. */
  readonly wantsLogits: boolean;
}

/** Sees every tensor once it is computed. `bytes` is good until the call returns. */
export interface TensorObserver {
  (tensor: {
    readonly name: TensorName;
    readonly layer: number | undefined;
    readonly row: number;
    /** Integers of 32 bits, little-endian; k and v of a narrow model of 16. */
    readonly bytes: Uint8Array;
  }): void;
  /** The only tensors that it wants to see, if not all: most runs commit to few, and a view of each takes time. */
  readonly names?: ReadonlySet<TensorName>;
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

/** A run of layers over a memory of its own. It is synchronous: whoever must stay responsive gives it a thread. */
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
   * Runs rows through its layers. A stage that does not begin at layer 0 takes residuals, row by row. Throws `BAD_ARGUMENT` on rows
   * out of range or behind a gap, `ENGINE_FAILED` if memory for a sequence's cache is lacking.
   */
  run(rows: readonly StageRow[], input?: Int32Array, observe?: TensorObserver): StageOutput;
}

/** */
const HIDDEN_MAX = 2 ** 29 - 1;
const THREAD_RECORD_BYTES = 64;
const SUMS_BYTES = 256;
const SCRATCH_BYTES_A_POSITION = 12;
const CALLER_SCRATCH_BYTES = 1024;

/** Loads the weights of layers `from` to `to` into the kernels' memory. Throws `MODEL_INVALID`, `ENGINE_FAILED`, `BAD_ARGUMENT`. */
export async function openStage(options: StageOptions, { memory, kernels, model }: StageParts): Promise<Stage> {
  const { shape } = model.layout;
  const from = options.from ?? 0;
  const to = options.to ?? shape.layers;
  if (!Number.isInteger(from) || !Number.isInteger(to) || from < 0 || from >= to || to > shape.layers)
    throw new KarmeshError('BAD_ARGUMENT', 'The model has no such layers.', { from, to, layers: shape.layers });
  const room = arena(memory, kernels.freeFrom());
  const weights = await loadWeights({ model, room }, { from, to });
  const buffers = takeBuffers(room, { model, batch: options.batch, end: weights.end });
  const { contextSize, threads } = options;
  // Positions are taken in pairs.
  const scratchBytes = SCRATCH_BYTES_A_POSITION * (contextSize + 1);
  const assembly: Assembly = {
    record: room.take(THREAD_RECORD_BYTES),
    threads,
    sums: room.take(SUMS_BYTES * threads),
    scratch: room.take(scratchBytes * threads),
    scratchBytes,
  };
  kernels.assemble(assembly.record, threads, assembly.sums, assembly.scratch, assembly.scratchBytes);
  const scratch = room.take(CALLER_SCRATCH_BYTES);
  const work: Work = { room, kernels, model, buffers, caches: caches(room, { ...options, model, layers: to - from }) };

  /** Positions of each sequence that have keys and values. */
  const filled = new Array<number>(options.sequences).fill(0);

  const run: Stage['run'] = (rows, input, observe) => {
    checkRows(rows, { ...options, vocabulary: from === 0 ? shape.vocabulary : undefined });
    const reached = advance(filled, rows);
    const batch: Batch = { rows, observe };
    if (weights.embedding !== undefined) embedRows(work, weights.embedding, batch);
    else takeResiduals(work, input, batch);
    for (const [row, { position }] of rows.entries())
      kernels.angles(weights.frequencies, position, shape.headSize / 2, buffers.angles + 4 * row * shape.headSize);
    for (const [index, layer] of weights.layers.entries()) {
      attendRows(work, { layer, index, name: from + index }, batch);
      feedForward(work, { layer, index, name: from + index }, batch);
    }
    for (const [sequence, positions] of reached) filled[sequence] = positions;
    return {
      residuals: room.int32(buffers.x, rows.length * shape.width),
      logits: weights.end === undefined ? [] : logitsOf(work, weights.end, batch),
    };
  };

  return { from, to, assembly, scratch, memoryBytes: () => memory.buffer.byteLength, run };
}

/** What every step of a stage works with. */
interface Work {
  readonly room: Arena;
  readonly kernels: Kernels;
  readonly model: ExactModel;
  readonly buffers: Buffers;
  readonly caches: Caches;
}

interface Batch {
  readonly rows: readonly StageRow[];
  readonly observe: TensorObserver | undefined;
}

interface LayerPlace {
  readonly layer: LayerWeights;
  /** Counted from the stage's first layer, and from the model's. */
  readonly index: number;
  readonly name: number;
}

/** Room for the tensors of a batch, row by row. */
type Buffers = ReturnType<typeof takeBuffers>;

function takeBuffers(
  room: Arena,
  parts: { readonly model: ExactModel; readonly batch: number; readonly end: StageWeights['end'] },
) {
  const { model, batch, end } = parts;
  const { width, heads, keyHeads, headSize, hidden } = model.layout.shape;
  const queryWidth = heads * headSize;
  const keyWidth = keyHeads * headSize;
  const int32 = (values: number): Pointer => room.take(4 * batch * values);
  return {
    queryWidth,
    keyWidth,
    x: int32(width),
    normed: int32(width),
    query: int32(queryWidth),
    key: int32(keyWidth),
    value: int32(keyWidth),
    turned: int32(queryWidth),
    attention: int32(queryWidth),
    gate: int32(hidden),
    up: int32(hidden),
    hidden: int32(hidden),
    angles: int32(headSize),
    // Lanes of 16 bits come in groups of four, so that the last group may be wider than what is packed.
    packed: room.take(2 * (2 * batch + 4) * Math.max(width, queryWidth, hidden)),
    logits: end === undefined ? 0 : room.take(batch * end.head.outputBytes),
  };
}

/** Keys and values of earlier positions. */
interface Caches {
  /** Bytes of one position. */
  readonly stride: number;
  /** Bytes of one value: what q, k and v are held in. */
  readonly valueBytes: 2 | 4;
  keys(sequence: number, layer: number): Pointer;
  values(sequence: number, layer: number): Pointer;
}

function caches(
  room: Arena,
  options: {
    readonly sequences: number;
    readonly contextSize: number;
    readonly model: ExactModel;
    readonly layers: number;
  },
): Caches {
  const { shape } = options.model.layout;
  const valueBytes = options.model.variant === 'wide' ? 4 : 2;
  const stride = valueBytes * shape.keyHeads * shape.headSize;
  const half = options.contextSize * stride;
  // A sequence gets its cache when it is first used: contexts are long and most machines run few sequences.
  const taken: (Pointer | undefined)[] = Array.from({ length: options.sequences });
  const keys = (sequence: number, layer: number): Pointer => {
    const known = taken[sequence] ?? room.take(2 * options.layers * half);
    taken[sequence] = known;
    return known + 2 * layer * half;
  };
  return { stride, valueBytes, keys, values: (sequence, layer) => keys(sequence, layer) + half };
}

/** */
function embedRows(
  { kernels, model, buffers, room }: Work,
  embedding: NonNullable<StageWeights['embedding']>,
  { rows, observe }: Batch,
): void {
  const { width } = model.layout.shape;
  for (const [row, { token }] of rows.entries()) {
    const at = buffers.x + 4 * row * width;
    kernels.embed(embedding.weights, embedding.scales, token, width, at);
    observe?.({ name: 'embedding', layer: undefined, row, bytes: room.bytes(at, 4 * width) });
  }
}

function takeResiduals({ model, buffers, room }: Work, input: Int32Array | undefined, { rows }: Batch): void {
  const wanted = rows.length * model.layout.shape.width;
  if (input === undefined || input.length !== wanted)
    throw new KarmeshError('BAD_ARGUMENT', 'A stage that begins behind the first layer needs residuals.', {
      values: input?.length ?? 0,
      wanted,
    });
  room.int32(buffers.x, wanted).set(input);
}

/** up to the residual behind attention. */
function attendRows(work: Work, { layer, index, name }: LayerPlace, batch: Batch): void {
  const { kernels, model, buffers, caches, room } = work;
  const { shape } = model.layout;
  const { rows, observe } = batch;
  const { formats } = layer;
  const { queryWidth, keyWidth } = buffers;
  const isWide = model.variant === 'wide' ? 1 : 0;
  const limbs = isWide + 1;
  normRows(work, { w: layer.attentionNorm, format: formats.attentionNorm }, rows.length);
  see(work, batch, { name: 'attentionNorm', layer: name, at: buffers.normed, values: shape.width });
  packRows(work, { from: buffers.normed, columns: shape.width, limbs }, rows.length);
  multiply(work, { matrix: layer.query, out: buffers.query }, rows.length);
  multiply(work, { matrix: layer.key, out: buffers.key }, rows.length);
  multiply(work, { matrix: layer.value, out: buffers.value }, rows.length);
  for (const [row, { sequence, position }] of rows.entries()) {
    const key = caches.keys(sequence, index) + position * caches.stride;
    const value = caches.values(sequence, index) + position * caches.stride;
    const query = buffers.turned + caches.valueBytes * row * queryWidth;
    turn(work, {
      from: buffers.query + 4 * row * queryWidth,
      heads: shape.heads,
      format: formats.query,
      out: query,
      row,
    });
    turn(work, { from: buffers.key + 4 * row * keyWidth, heads: shape.keyHeads, format: formats.key, out: key, row });
    kernels.narrowTo(buffers.value + 4 * row * keyWidth, keyWidth, isWide, value);
    if (observe === undefined) continue;
    if (wants(observe, 'q')) {
      const queryBytes = room.bytes(query, caches.valueBytes * queryWidth);
      observe({ name: 'q', layer: name, row, bytes: isWide ? queryBytes : widen(queryBytes) });
    }
    observe({ name: 'k', layer: name, row, bytes: room.bytes(key, caches.stride) });
    observe({ name: 'v', layer: name, row, bytes: room.bytes(value, caches.stride) });
  }
  for (const [row, { sequence, position }] of rows.entries())
    kernels.attend(
      buffers.turned + caches.valueBytes * row * queryWidth,
      caches.keys(sequence, index),
      caches.values(sequence, index),
      caches.stride,
      position + 1,
      shape.heads,
      shape.heads / shape.keyHeads,
      shape.headSize,
      formats.query + formats.key - 12,
      isWide,
      buffers.attention + 4 * row * queryWidth,
    );
  see(work, batch, { name: 'attention', layer: name, at: buffers.attention, values: queryWidth });
  packRows(work, { from: buffers.attention, columns: queryWidth, limbs }, rows.length);
  multiply(work, { matrix: layer.output, out: buffers.x }, rows.length);
  see(work, batch, { name: 'residualBehindAttention', layer: name, at: buffers.x, values: shape.width });
}

/** X-26 and the residual behind it. */
function feedForward(work: Work, { layer, name }: LayerPlace, batch: Batch): void {
  const { kernels, model, buffers } = work;
  const { width, hidden } = model.layout.shape;
  const { formats } = layer;
  const count = batch.rows.length;
  normRows(work, { w: layer.hiddenNorm, format: formats.hiddenNorm }, count);
  see(work, batch, { name: 'feedForwardNorm', layer: name, at: buffers.normed, values: width });
  packRows(work, { from: buffers.normed, columns: width, limbs: model.variant === 'wide' ? 2 : 1 }, count);
  multiply(work, { matrix: layer.gate, out: buffers.gate }, count);
  multiply(work, { matrix: layer.up, out: buffers.up }, count);
  see(work, batch, { name: 'gate', layer: name, at: buffers.gate, values: hidden });
  see(work, batch, { name: 'up', layer: name, at: buffers.up, values: hidden });
  const shifts = [formats.gate - 16, 17 + formats.up - formats.hidden] as const;
  kernels.gated(buffers.gate, buffers.up, buffers.hidden, count * hidden, ...shifts, HIDDEN_MAX);
  see(work, batch, { name: 'hidden', layer: name, at: buffers.hidden, values: hidden });
  packRows(work, { from: buffers.hidden, columns: hidden, limbs: 2 }, count);
  multiply(work, { matrix: layer.down, out: buffers.x }, count);
  see(work, batch, { name: 'residual', layer: name, at: buffers.x, values: width });
}

/** X-27 for the rows that want it. */
function logitsOf(
  { kernels, model, buffers, room }: Work,
  end: NonNullable<StageWeights['end']>,
  { rows, observe }: Batch,
): readonly Pointer[] {
  const { width, vocabulary } = model.layout.shape;
  const max = 2 ** (VARIANT_BITS[model.variant].norm - 1) - 1;
  const epsilon = model.epsilon * BigInt(width);
  const wanted = rows.flatMap(({ wantsLogits }, row) => (wantsLogits ? [row] : []));
  for (const [i, row] of wanted.entries()) {
    const at = buffers.normed + 4 * i * width;
    kernels.norm(buffers.x + 4 * row * width, end.norm, at, width, epsilon, 48 - end.format, max);
    observe?.({ name: 'finalNorm', layer: undefined, row, bytes: room.bytes(at, 4 * width) });
  }
  if (wanted.length > 0) {
    kernels.pack(buffers.normed, 4 * width, wanted.length, width, model.variant === 'wide' ? 2 : 1, buffers.packed);
    kernels.linear(end.head.record, wanted.length, buffers.packed, buffers.logits, end.head.outputBytes);
  }
  return wanted.map((row, i) => {
    const at = buffers.logits + i * end.head.outputBytes;
    observe?.({ name: 'logits', layer: undefined, row, bytes: room.bytes(at, 4 * vocabulary) });
    return at;
  });
}

/** */
function normRows(
  { kernels, model, buffers }: Work,
  { w, format }: { readonly w: Pointer; readonly format: number },
  count: number,
): void {
  const { width } = model.layout.shape;
  const max = 2 ** (VARIANT_BITS[model.variant].norm - 1) - 1;
  const epsilon = model.epsilon * BigInt(width);
  for (let row = 0; row < count; row++) {
    const at = 4 * row * width;
    kernels.norm(buffers.x + at, w, buffers.normed + at, width, epsilon, 48 - format, max);
  }
}

function packRows(
  { kernels, buffers }: Work,
  { from, columns, limbs }: { readonly from: Pointer; readonly columns: number; readonly limbs: number },
  count: number,
): void {
  kernels.pack(from, 4 * columns, count, columns, limbs, buffers.packed);
}

/** X-22 over what has been packed. */
function multiply(
  { kernels, buffers }: Work,
  { matrix, out }: { readonly matrix: Matrix; readonly out: Pointer },
  count: number,
): void {
  kernels.linear(matrix.record, count, buffers.packed, out, matrix.outputBytes);
}

/** RoPE of one row of q or k. */
function turn(
  { kernels, model, buffers }: Work,
  of: {
    readonly from: Pointer;
    readonly heads: number;
    readonly format: number;
    readonly out: Pointer;
    readonly row: number;
  },
): void {
  const { headSize, pairs } = model.layout.shape;
  kernels.rotate(
    of.from,
    of.heads,
    headSize,
    pairs === 'halves' ? 1 : 0,
    buffers.angles + 4 * of.row * headSize,
    14 + RESIDUAL_BITS - of.format,
    2 ** (VARIANT_BITS[model.variant].attention - 1) - 1,
    model.variant === 'wide' ? 1 : 0,
    of.out,
  );
}

/** Shows a tensor of all rows to whoever looks. */
function see(
  { room }: Work,
  { rows, observe }: Batch,
  tensor: { readonly name: TensorName; readonly layer: number; readonly at: Pointer; readonly values: number },
): void {
  const { name, layer, at, values } = tensor;
  if (observe === undefined || !wants(observe, name)) return;
  for (let row = 0; row < rows.length; row++)
    observe({ name, layer, row, bytes: room.bytes(at + 4 * row * values, 4 * values) });
}

function wants({ names }: TensorObserver, name: TensorName): boolean {
  return names === undefined || names.has(name);
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

/** How far each sequence of the rows is filled behind them. A position behind a gap would attend to what another request left there. */
function advance(filled: readonly number[], rows: readonly StageRow[]): ReadonlyMap<number, number> {
  const reached = new Map<number, number>();
  for (const { sequence, position } of rows) {
    const next = reached.get(sequence) ?? filled[sequence] ?? 0;
    if (position > next)
      throw new KarmeshError('BAD_ARGUMENT', 'A position of a sequence came before the one in front of it.', {
        sequence,
        position,
        next,
      });
    reached.set(sequence, position + 1);
  }
  return reached;
}

function isIndex(value: number, end: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < end;
}

/** q is 32 bits wide in a trace, whatever the kernels hold it in. */
function widen(bytes: Uint8Array<ArrayBuffer>): Uint8Array {
  const values = Int32Array.from(new Int16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2));
  return new Uint8Array(values.buffer);
}
