import { type ErrorFacts, KarmeshError } from '@karmesh/sdk/errors';
import { concatBytes, equalBytes, type Hash } from '@karmesh/sdk/protocol';
import { checkShape, type ExactShape, type ExactVariant } from './exactShape.ts';
import { LAYER_FORMATS_BYTES } from './layerFormats.ts';

/** A part of a converted model: bytes from the file's start, and how many. */
export interface ExactSection {
  readonly offset: number;
  readonly bytes: number;
}

/** a matrix of `rows` x `columns`; what is stored has `paddedRows`, the next multiple of 8. */
export interface ExactMatrix {
  readonly rows: number;
  readonly paddedRows: number;
  readonly columns: number;
  /** T: i32 for each padded row. */
  readonly shifts: ExactSection;
  /** mult: i16 in the order [paddedRows/8][columns/32][8 rows]. */
  readonly multipliers: ExactSection;
  /** q: i8 in the order [paddedRows/8][columns/2][8 rows][2 columns]. */
  readonly weights: ExactSection;
}

export interface ExactLayerLayout {
  /** Eight i32: `readLayerFormats`. */
  readonly formats: ExactSection;
  /** i32 for each of D. */
  readonly attentionNorm: ExactSection;
  readonly query: ExactMatrix;
  readonly key: ExactMatrix;
  readonly value: ExactMatrix;
  readonly output: ExactMatrix;
  /** i32 for each row of q, k and v; undefined unless the shape has biases. */
  readonly biases:
    | { readonly query: ExactSection; readonly key: ExactSection; readonly value: ExactSection }
    | undefined;
  /** i32 for each of D. */
  readonly hiddenNorm: ExactSection;
  readonly gate: ExactMatrix;
  readonly up: ExactMatrix;
  readonly down: ExactMatrix;
}

/** where everything lies in a converted model. It follows from the shape alone. */
export interface ExactLayout {
  readonly shape: ExactShape;
  readonly fileBytes: number;
  /** f_i: u64 for each of hd/2. */
  readonly frequencies: ExactSection;
  /** m of X-10 as the bits of half-precision floats: u16 in the order [V][D/32]. */
  readonly embeddingScales: ExactSection;
  /** q of the embedding in a matrix's order; those of the head if tied. */
  readonly embedding: ExactSection;
  readonly layers: readonly ExactLayerLayout[];
  /** One i32: Fn of the last norm, within `isNormFormat`. */
  readonly finalFormat: ExactSection;
  /** i32 for each of D. */
  readonly finalNorm: ExactSection;
  readonly head: ExactMatrix;
}

/** What a converted model's first bytes say. */
export interface ExactHeader {
  readonly variant: ExactVariant;
  readonly shape: ExactShape;
  /** E of X-12: the constant under a norm's root, 32 fraction bits. */
  readonly epsilon: bigint;
  /** SHA-256 of the GGUF file that was converted. */
  readonly sourceHash: Hash;
}

/** Bytes that a header takes; `readExactHeader` needs them and no more. */
export const EXACT_HEADER_BYTES = 96;
export const EXACT_VERSION = 1;

const MAGIC = new TextEncoder().encode('KEXACT\0\0');
const ALIGNMENT = 64;
const VARIANTS: readonly ExactVariant[] = ['narrow', 'wide'];
const PAIRS: readonly ExactShape['pairs'][] = ['neighbours', 'halves'];
const TIED = 1;
const BIASES = 2;

/**
 * reads and checks the header of a converted model. `bytes` is the file's beginning, at least `EXACT_HEADER_BYTES`; `fileBytes` the
 * size of the whole file, which must be exactly what the shape makes it. Throws `MODEL_INVALID`; nothing is allocated by a
 * count before it is checked.
 */
export function readExactHeader(bytes: Uint8Array, fileBytes: number): ExactHeader & { readonly layout: ExactLayout } {
  const header = parseHeader(bytes, fileBytes);
  const layout = layoutOf(header.shape);
  if (layout.fileBytes !== fileBytes)
    throw invalid('The converted model has another size than its header makes it; it is truncated or damaged.', {
      bytes: fileBytes,
      expected: layout.fileBytes,
    });
  return { ...header, layout };
}

function parseHeader(bytes: Uint8Array, fileBytes: number): ExactHeader {
  if (bytes.length < EXACT_HEADER_BYTES)
    throw invalid('The converted model is shorter than its header.', { bytes: fileBytes });
  if (!startsAsExact(bytes)) throw invalid('The file does not begin as a converted model does.');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const field = (index: number): number => view.getUint32(MAGIC.length + 4 * index, true);
  const version = field(0);
  if (version !== EXACT_VERSION)
    throw invalid('The converted model is of another version of exact arithmetic.', { version, known: EXACT_VERSION });
  const variant = VARIANTS[field(1)];
  const pairs = PAIRS[field(10)];
  const flags = field(11);
  const epsilon = view.getBigUint64(56, true);
  if (variant === undefined || pairs === undefined || flags > (TIED | BIASES) || !isEpsilon(epsilon))
    throw invalid('The converted model’s header has a field that no conversion writes.', {
      variant: field(1),
      pairs: field(10),
      flags,
      epsilon,
    });
  const shape: ExactShape = {
    width: field(2),
    layers: field(3),
    heads: field(4),
    keyHeads: field(5),
    headSize: field(6),
    hidden: field(7),
    vocabulary: field(8),
    context: field(9),
    pairs,
    tied: (flags & TIED) !== 0,
    biases: (flags & BIASES) !== 0,
  };
  checkShape(shape);
  return { variant, shape, epsilon, sourceHash: bytes.slice(64, 96) };
}

/** Whether a file's first bytes are those of a converted model. */
export function startsAsExact(bytes: Uint8Array): boolean {
  return equalBytes(bytes.subarray(0, MAGIC.length), MAGIC);
}

/** E, the constant under a norm's root. */
export function isEpsilon(epsilon: bigint): boolean {
  return epsilon >= 32n && epsilon < 1n << 32n;
}

/** the header's bytes. */
export function writeExactHeader({ variant, shape, epsilon, sourceHash }: ExactHeader): Uint8Array {
  const numbers = new Uint8Array(56);
  const view = new DataView(numbers.buffer);
  const flags = (shape.tied ? TIED : 0) | (shape.biases ? BIASES : 0);
  const { width, layers, heads, keyHeads, headSize, hidden, vocabulary, context } = shape;
  const counts = [width, layers, heads, keyHeads, headSize, hidden, vocabulary, context];
  const fields = [EXACT_VERSION, VARIANTS.indexOf(variant), ...counts, PAIRS.indexOf(shape.pairs), flags];
  for (const [index, value] of fields.entries()) view.setUint32(4 * index, value, true);
  view.setBigUint64(48, epsilon, true);
  return concatBytes(MAGIC, numbers, sourceHash);
}

/** where everything lies in a converted model of a shape that `checkShape` has passed. */
export function layoutOf(shape: ExactShape): ExactLayout {
  const { width, heads, keyHeads, headSize, hidden, vocabulary } = shape;
  let end = EXACT_HEADER_BYTES;
  const section = (bytes: number): ExactSection => {
    const offset = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
    end = offset + bytes;
    return { offset, bytes };
  };
  const matrix = (rows: number, columns: number): ExactMatrix => {
    const paddedRows = padRows(rows);
    return {
      rows,
      paddedRows,
      columns,
      shifts: section(4 * paddedRows),
      multipliers: section((2 * paddedRows * columns) / 32),
      weights: section(paddedRows * columns),
    };
  };
  const attention = heads * headSize;
  const keys = keyHeads * headSize;
  const layer = (): ExactLayerLayout => ({
    formats: section(LAYER_FORMATS_BYTES),
    attentionNorm: section(4 * width),
    query: matrix(attention, width),
    key: matrix(keys, width),
    value: matrix(keys, width),
    output: matrix(width, attention),
    biases: shape.biases
      ? { query: section(4 * attention), key: section(4 * keys), value: section(4 * keys) }
      : undefined,
    hiddenNorm: section(4 * width),
    gate: matrix(hidden, width),
    up: matrix(hidden, width),
    down: matrix(width, hidden),
  });
  const frequencies = section(4 * headSize);
  const embeddingScales = section((2 * vocabulary * width) / 32);
  const ownEmbedding = shape.tied ? undefined : section(padRows(vocabulary) * width);
  const layers = Array.from({ length: shape.layers }, layer);
  const finalFormat = section(4);
  const finalNorm = section(4 * width);
  const head = matrix(vocabulary, width);
  const embedding = ownEmbedding ?? head.weights;
  return { shape, fileBytes: end, frequencies, embeddingScales, embedding, layers, finalFormat, finalNorm, head };
}

function padRows(rows: number): number {
  return Math.ceil(rows / 8) * 8;
}

function invalid(sentence: string, facts: ErrorFacts = {}): KarmeshError {
  return new KarmeshError('MODEL_INVALID', sentence, facts);
}
