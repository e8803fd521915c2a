import { KarmeshError } from '@karmesh/sdk/errors';

/** A tensor as a GGUF file lists it. */
export interface GgufTensor {
  readonly name: string;
  /** Type by its name in ggml, for example `Q8_0`. */
  readonly type: string;
  /** Sizes, the innermost first: a matrix of R rows and N columns has [N, R]. None is zero, their product is `elements`. */
  readonly dimensions: readonly bigint[];
  readonly elements: bigint;
  /** Byte offset from the file's start, and size in bytes. */
  readonly offset: bigint;
  readonly bytes: bigint;
}

/** A metadata value. Arrays are not read, only measured (`readGgufArray` reads one): `bytes` is the value as it stands in the file. */
export interface GgufValue {
  readonly value: string | number | bigint | boolean | undefined;
  /** Elements of an array, else undefined. */
  readonly count: bigint | undefined;
  /** Bytes of the longest element of an array of texts, else undefined. */
  readonly longest: number | undefined;
  readonly bytes: Uint8Array;
}

export interface Gguf {
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: readonly GgufTensor[];
}

/** Bounds on what a header may claim, far above the largest models published. */
export const GGUF_LIMITS = {
  headerBytes: 128 << 20,
  metadata: 65_536,
  tensors: 1_048_576,
  keyBytes: 65_535,
  nameBytes: 1024,
  dimensions: 4,
  elements: 1n << 63n,
} as const;

/** Weights of one block and its bytes, by ggml type (ggml.h, `ggml_type`; ggml.c, `type_traits`). */
const TENSOR_TYPES: ReadonlyMap<number, readonly [name: string, block: bigint, bytes: bigint]> = new Map([
  [0, ['F32', 1n, 4n]],
  [1, ['F16', 1n, 2n]],
  [2, ['Q4_0', 32n, 18n]],
  [3, ['Q4_1', 32n, 20n]],
  [6, ['Q5_0', 32n, 22n]],
  [7, ['Q5_1', 32n, 24n]],
  [8, ['Q8_0', 32n, 34n]],
  [9, ['Q8_1', 32n, 36n]],
  [10, ['Q2_K', 256n, 84n]],
  [11, ['Q3_K', 256n, 110n]],
  [12, ['Q4_K', 256n, 144n]],
  [13, ['Q5_K', 256n, 176n]],
  [14, ['Q6_K', 256n, 210n]],
  [15, ['Q8_K', 256n, 292n]],
  [16, ['IQ2_XXS', 256n, 66n]],
  [17, ['IQ2_XS', 256n, 74n]],
  [18, ['IQ3_XXS', 256n, 98n]],
  [19, ['IQ1_S', 256n, 50n]],
  [20, ['IQ4_NL', 32n, 18n]],
  [21, ['IQ3_S', 256n, 110n]],
  [22, ['IQ2_S', 256n, 82n]],
  [23, ['IQ4_XS', 256n, 136n]],
  [24, ['I8', 1n, 1n]],
  [25, ['I16', 1n, 2n]],
  [26, ['I32', 1n, 4n]],
  [27, ['I64', 1n, 8n]],
  [28, ['F64', 1n, 8n]],
  [29, ['IQ1_M', 256n, 56n]],
  [30, ['BF16', 1n, 2n]],
  [34, ['TQ1_0', 256n, 54n]],
  [35, ['TQ2_0', 256n, 66n]],
  [39, ['MXFP4', 32n, 17n]],
]);

/** Bytes of a metadata value of fixed size, by its type number (GGUF specification, `gguf_metadata_value_type`). */
export const VALUE_BYTES: ReadonlyMap<number, number> = new Map([
  [0, 1],
  [1, 1],
  [2, 2],
  [3, 2],
  [4, 4],
  [5, 4],
  [6, 4],
  [7, 1],
  [10, 8],
  [11, 8],
  [12, 8],
]);
export const STRING = 8;
const ARRAY = 9;

const MAGIC = 0x46554747;

function invalid(sentence: string, facts: Readonly<Record<string, string | number | bigint>> = {}): KarmeshError {
  return new KarmeshError('MODEL_INVALID', sentence, facts);
}

/**
 * Reads the header of a GGUF file, version 2 or 3 (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md). `bytes` is the file's
 * beginning, at least up to the end of its header; `fileBytes` the size of the whole file. Throws `MODEL_INVALID` on
 * anything that does not add up: nothing is allocated by a count that the file merely claims.
 */
export function parseGguf(bytes: Uint8Array, fileBytes: number): Gguf {
  const cursor = new Cursor(bytes);
  if (bytes.length < 24)
    throw invalid('The model file is shorter than the header of a GGUF file.', { bytes: fileBytes });
  const magic = cursor.u32();
  if (magic !== MAGIC) throw invalid('The model file does not begin as a GGUF file does.', { magic });
  const version = cursor.u32();
  if (version !== 2 && version !== 3) throw invalid('The model file has an unknown GGUF version.', { version });
  const tensorCount = cursor.u64();
  const metadataCount = cursor.u64();
  if (tensorCount > BigInt(GGUF_LIMITS.tensors) || metadataCount > BigInt(GGUF_LIMITS.metadata))
    throw invalid('The model file claims absurdly many tensors or metadata.', { tensorCount, metadataCount });
  const metadata = readMetadata(cursor, Number(metadataCount));
  const listed = readTensorList(cursor, Number(tensorCount));
  const alignment = metadata.get('general.alignment')?.value ?? 32;
  if (typeof alignment !== 'number' || alignment < 1 || alignment > 1 << 20)
    throw invalid('The model file has an impossible alignment.', { alignment: String(alignment) });
  const base = Math.ceil(cursor.offset / alignment) * alignment;
  const tensors = listed.map((tensor) => {
    const offset = BigInt(base) + tensor.offset;
    if (tensor.offset % BigInt(alignment) !== 0n)
      throw invalid('The model file has a tensor that does not begin at its alignment.', {
        tensor: tensor.name,
        offset: tensor.offset,
        alignment,
      });
    if (offset + tensor.bytes > BigInt(fileBytes))
      throw invalid('The model file ends before the data of a tensor; it is truncated.', {
        tensor: tensor.name,
        needed: offset + tensor.bytes,
        bytes: fileBytes,
      });
    return { ...tensor, offset };
  });
  refuseOverlap(tensors);
  return { metadata, tensors };
}

/** Two tensors in one place would let a file say more than it holds. */
function refuseOverlap(tensors: readonly GgufTensor[]): void {
  const inOrder = [...tensors].sort((a, b) => (a.offset < b.offset ? -1 : a.offset > b.offset ? 1 : 0));
  for (const [i, tensor] of inOrder.entries()) {
    const before = inOrder[i - 1];
    if (before !== undefined && before.offset + before.bytes > tensor.offset)
      throw invalid('The model file has two tensors that overlap.', { tensor: tensor.name, other: before.name });
  }
}

function readMetadata(cursor: Cursor, count: number): ReadonlyMap<string, GgufValue> {
  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < count; i++) {
    const key = cursor.text(GGUF_LIMITS.keyBytes);
    if (metadata.has(key)) throw invalid('The model file repeats a metadata key.', { key });
    const start = cursor.offset;
    const type = cursor.u32();
    const read = readValue(cursor, type, key);
    metadata.set(key, { ...read, bytes: cursor.slice(start) });
  }
  return metadata;
}

function readValue(cursor: Cursor, type: number, key: string): Omit<GgufValue, 'bytes'> {
  const scalar = { count: undefined, longest: undefined };
  if (type === STRING) return { ...scalar, value: cursor.text(GGUF_LIMITS.headerBytes) };
  if (type === ARRAY) {
    const elementType = cursor.u32();
    const count = cursor.u64();
    const longest = skipElements(cursor, { type: elementType, count, key });
    return { value: undefined, count, longest };
  }
  const size = VALUE_BYTES.get(type);
  if (size === undefined) throw invalid('The model file has metadata of an unknown type.', { key, type });
  return { ...scalar, value: cursor.scalar(type) };
}

/** Returns the bytes of the longest text. */
function skipElements(
  cursor: Cursor,
  array: { readonly type: number; readonly count: bigint; readonly key: string },
): number | undefined {
  const { type, count, key } = array;
  const size = VALUE_BYTES.get(type);
  if (size !== undefined) {
    cursor.skip(count * BigInt(size));
    return undefined;
  }
  if (type !== STRING) throw invalid('The model file has an array of an unknown type.', { key, type });
  let longest = 0;
  // Every text takes at least its eight bytes of length, so a false count runs into the end of the file.
  for (let i = 0n; i < count; i++) {
    const length = cursor.u64();
    cursor.skip(length);
    longest = Math.max(longest, Number(length));
  }
  return longest;
}

function readTensorList(cursor: Cursor, count: number): readonly GgufTensor[] {
  const tensors: GgufTensor[] = [];
  const names = new Set<string>();
  for (let i = 0; i < count; i++) {
    const name = cursor.text(GGUF_LIMITS.nameBytes);
    if (names.has(name)) throw invalid('The model file has two tensors of one name.', { tensor: name });
    names.add(name);
    const dimensionCount = cursor.u32();
    if (dimensionCount > GGUF_LIMITS.dimensions)
      throw invalid('The model file has a tensor of too many dimensions.', {
        tensor: name,
        dimensions: dimensionCount,
      });
    const dimensions = Array.from({ length: dimensionCount }, () => cursor.u64());
    const elements = dimensions.reduce((product, dimension) => product * dimension, 1n);
    if (elements === 0n || elements >= GGUF_LIMITS.elements)
      throw invalid('The model file has a tensor of impossible dimensions.', {
        tensor: name,
        dimensions: dimensions.join(' x '),
      });
    const typeNumber = cursor.u32();
    const offset = cursor.u64();
    const type = TENSOR_TYPES.get(typeNumber);
    if (type === undefined)
      throw invalid('The model file has a tensor of an unknown type.', { tensor: name, type: typeNumber });
    const [typeName, block, blockBytes] = type;
    if ((dimensions[0] ?? 1n) % block !== 0n)
      throw invalid('The model file has a tensor whose size does not fit its type.', { tensor: name, elements });
    tensors.push({ name, type: typeName, dimensions, elements, offset, bytes: (elements / block) * blockBytes });
  }
  return tensors;
}

/** Reads little-endian values and never past the end. */
class Cursor {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  skip(length: bigint | number): number {
    const start = this.offset;
    if (BigInt(length) > BigInt(this.#bytes.length - start))
      throw invalid('The model file ends inside of its header; it is truncated.', {
        at: start,
        wanted: BigInt(length),
      });
    this.offset = start + Number(length);
    return start;
  }
  slice(start: number): Uint8Array {
    return this.#bytes.subarray(start, this.offset);
  }
  u32(): number {
    return this.#view.getUint32(this.skip(4), true);
  }
  u64(): bigint {
    return this.#view.getBigUint64(this.skip(8), true);
  }
  text(max: number): string {
    const length = this.u64();
    if (length > BigInt(max)) throw invalid('The model file has a text that is too long.', { length, max });
    const start = this.skip(length);
    return new TextDecoder().decode(this.#bytes.subarray(start, this.offset));
  }
  scalar(type: number): number | bigint | boolean {
    const view = this.#view;
    const start = this.skip(VALUE_BYTES.get(type) ?? 0);
    switch (type) {
      case 0:
        return view.getUint8(start);
      case 1:
        return view.getInt8(start);
      case 2:
        return view.getUint16(start, true);
      case 3:
        return view.getInt16(start, true);
      case 4:
        return view.getUint32(start, true);
      case 5:
        return view.getInt32(start, true);
      case 6:
        return view.getFloat32(start, true);
      case 7:
        return view.getUint8(start) !== 0;
      case 10:
        return view.getBigUint64(start, true);
      case 11:
        return view.getBigInt64(start, true);
      default:
        return view.getFloat64(start, true);
    }
  }
}
