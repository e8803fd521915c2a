import { KarmeshError } from '@karmesh/sdk/errors';
import { type GgufValue, STRING, VALUE_BYTES } from './gguf.ts';

/** Bytes before the elements: the type of the value and of its elements, u32 each, and their count, u64. */
const HEAD_BYTES = 16;

/** The texts of a metadata array, read one by one from the header's bytes. Throws `MODEL_INVALID` unless the value is an array of texts. */
export function* ggufTexts(value: GgufValue | undefined): Generator<string> {
  const { view, type, count } = open(value);
  if (type !== STRING) throw wrongType(type);
  const decoder = new TextDecoder();
  let at = HEAD_BYTES;
  for (let i = 0; i < count; i++) {
    const length = Number(view.getBigUint64(at, true));
    yield decoder.decode(new Uint8Array(view.buffer, view.byteOffset + at + 8, length));
    at += 8 + length;
  }
}

/** The numbers of a metadata array of 32-bit integers or floats, or of bytes. Throws `MODEL_INVALID` unless the value is one. */
export function* ggufNumbers(value: GgufValue | undefined): Generator<number> {
  const { view, type, count } = open(value);
  const read = READERS.get(type);
  if (read === undefined) throw wrongType(type);
  const bytes = VALUE_BYTES.get(type) ?? 1;
  for (let i = 0; i < count; i++) yield read(view, HEAD_BYTES + i * bytes);
}

const READERS: ReadonlyMap<number, (view: DataView, at: number) => number> = new Map([
  [0, (view, at) => view.getUint8(at)],
  [1, (view, at) => view.getInt8(at)],
  [2, (view, at) => view.getUint16(at, true)],
  [3, (view, at) => view.getInt16(at, true)],
  [4, (view, at) => view.getUint32(at, true)],
  [5, (view, at) => view.getInt32(at, true)],
  [6, (view, at) => view.getFloat32(at, true)],
]);

/** The parser has measured the array, so that its elements lie inside of `bytes`. */
function open(value: GgufValue | undefined): {
  readonly view: DataView;
  readonly type: number;
  readonly count: number;
} {
  if (value?.count === undefined)
    throw new KarmeshError('MODEL_INVALID', 'The model file has no array where one is needed.');
  const view = new DataView(value.bytes.buffer, value.bytes.byteOffset, value.bytes.byteLength);
  return { view, type: view.getUint32(4, true), count: Number(value.count) };
}

function wrongType(type: number): KarmeshError {
  return new KarmeshError('MODEL_INVALID', 'The model file has an array of another type than is needed.', { type });
}
