import { KarmeshError } from '../errors.ts';

/**
 * One fixed little-endian layout in borsh's manner (https://borsh.io): integers little-endian, vectors and byte strings behind a
 * u32 count. Every variable length has a maximum that is checked before anything is allocated.
 */
export interface Codec<T> {
  /** The size in bytes if every value has the same one, else undefined. */
  readonly size: number | undefined;
  write(value: T, sink: Sink): void;
  read(source: Source): T;
}

export type Decoded<C> = C extends Codec<infer T> ? T : never;

/** Collects what codecs write, in one buffer that grows. */
export class Sink {
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #length = 0;

  constructor(expectedBytes: number) {
    this.#bytes = new Uint8Array(expectedBytes);
    this.#view = new DataView(this.#bytes.buffer);
  }
  push(bytes: Uint8Array): void {
    // First the room: growing replaces buffer and view.
    const start = this.#advance(bytes.length);
    this.#bytes.set(bytes, start);
  }
  u8(value: number): void {
    const start = this.#advance(1);
    this.#view.setUint8(start, value);
  }
  u16(value: number): void {
    const start = this.#advance(2);
    this.#view.setUint16(start, value, true);
  }
  u32(value: number): void {
    const start = this.#advance(4);
    this.#view.setUint32(start, value, true);
  }
  u64(value: bigint): void {
    const start = this.#advance(8);
    this.#view.setBigUint64(start, value, true);
  }
  /** What was written, until the next `clear` or write. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
  /** Begins anew in the same buffer, unless it has grown over `keptBytes`. */
  clear(keptBytes: number): void {
    this.#length = 0;
    if (this.#bytes.length <= keptBytes) return;
    this.#bytes = new Uint8Array(keptBytes);
    this.#view = new DataView(this.#bytes.buffer);
  }
  #advance(length: number): number {
    const start = this.#length;
    const end = start + length;
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(end, 2 * this.#bytes.length));
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    this.#length = end;
    return start;
  }
}

/** A cursor over received bytes. Reading past the end throws `CODEC`. */
export class Source {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    // A Buffer's `slice` shares its memory, and a network's buffers are used again: values must be copies.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }
  get offset(): number {
    return this.#offset;
  }
  /** What was read since an offset, as a view of the bytes that are being decoded. */
  since(offset: number): Uint8Array {
    return this.#bytes.subarray(offset, this.#offset);
  }
  take(length: number): Uint8Array {
    const start = this.#advance(length);
    return this.#bytes.slice(start, start + length);
  }
  u8(): number {
    return this.#view.getUint8(this.#advance(1));
  }
  u16(): number {
    return this.#view.getUint16(this.#advance(2), true);
  }
  u32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }
  u64(): bigint {
    return this.#view.getBigUint64(this.#advance(8), true);
  }
  #advance(length: number): number {
    if (length > this.remaining) {
      throw new KarmeshError('CODEC', 'A message ends before its last field.', {
        wanted: length,
        remaining: this.remaining,
      });
    }
    const start = this.#offset;
    this.#offset += length;
    return start;
  }
}

function integer(
  size: 1 | 2 | 4,
  write: (sink: Sink, value: number) => void,
  read: (source: Source) => number,
): Codec<number> {
  const limit = 2 ** (8 * size);
  return {
    size,
    write(value, sink) {
      if (!Number.isInteger(value) || value < 0 || value >= limit) {
        throw new KarmeshError('CODEC', 'A value does not fit its unsigned integer.', { value, bits: 8 * size });
      }
      write(sink, value);
    },
    read,
  };
}

export const u8: Codec<number> = integer(
  1,
  (sink, value) => sink.u8(value),
  (source) => source.u8(),
);
export const u16: Codec<number> = integer(
  2,
  (sink, value) => sink.u16(value),
  (source) => source.u16(),
);
export const u32: Codec<number> = integer(
  4,
  (sink, value) => sink.u32(value),
  (source) => source.u32(),
);

const MAX_U64 = (1n << 64n) - 1n;

export const u64: Codec<bigint> = {
  size: 8,
  write(value, sink) {
    if (value < 0n || value > MAX_U64) {
      throw new KarmeshError('CODEC', 'A value does not fit its unsigned integer.', { value, bits: 64 });
    }
    sink.u64(value);
  },
  read: (source) => source.u64(),
};

/** Exactly `length` bytes, without a count. `B` brands them. */
export function fixedBytes<B extends Uint8Array = Uint8Array>(length: number): Codec<B> {
  return {
    size: length,
    write(value, sink) {
      if (value.length !== length) {
        throw new KarmeshError('CODEC', 'A byte field has the wrong length.', {
          length: value.length,
          expected: length,
        });
      }
      sink.push(value);
    },
    // The brand says what the bytes stand for; their length is all that decoding can check.
    read: (source) => source.take(length) as B,
  };
}

function count(source: Source, max: number): number {
  const length = source.u32();
  if (length > max) throw new KarmeshError('CODEC', 'A length in a message is over its maximum.', { length, max });
  return length;
}

function checkMax(length: number, max: number): void {
  if (length > max) throw new KarmeshError('CODEC', 'A field is longer than its maximum.', { length, max });
}

/** A u32 count and at most `max` bytes. */
export function byteString(max: number): Codec<Uint8Array> {
  return {
    size: undefined,
    write(value, sink) {
      checkMax(value.length, max);
      u32.write(value.length, sink);
      sink.push(value);
    },
    read: (source) => source.take(count(source, max)),
  };
}

const utf8Encoder = new TextEncoder();

/** Text as UTF-8 behind a u32 count of bytes, at most `max` bytes. Ill-formed UTF-8 and lone surrogates are refused. */
export function text(max: number): Codec<string> {
  const bytes = byteString(max);
  return {
    size: undefined,
    write(value, sink) {
      if (!value.isWellFormed())
        throw new KarmeshError('CODEC', 'A text holds a lone surrogate and has no UTF-8 form.');
      bytes.write(utf8Encoder.encode(value), sink);
    },
    read(source) {
      const raw = bytes.read(source);
      try {
        // `ignoreBOM` keeps a leading U+FEFF, so that decoding and encoding again gives the same bytes.
        return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(raw);
      } catch (cause) {
        throw new KarmeshError('CODEC', 'A text in a message is not valid UTF-8.', { bytes: raw.length }, cause);
      }
    },
  };
}

/** A u32 count and at most `max` elements. */
export function vector<T>(element: Codec<T>, max: number): Codec<readonly T[]> {
  return {
    size: undefined,
    write(value, sink) {
      checkMax(value.length, max);
      u32.write(value.length, sink);
      for (const item of value) element.write(item, sink);
    },
    read(source) {
      const length = count(source, max);
      const out: T[] = [];
      for (let i = 0; i < length; i++) out.push(element.read(source));
      return out;
    },
  };
}

/** The same form, read together with the bytes that it has: a view, for who wants to hash or to measure them. */
export function withBytes<T>(codec: Codec<T>): Codec<{ readonly value: T; readonly bytes: Uint8Array }> {
  return {
    size: codec.size,
    write: ({ value }, sink) => codec.write(value, sink),
    read(source) {
      const from = source.offset;
      const value = codec.read(source);
      return { value, bytes: source.since(from) };
    },
  };
}

/** Exactly `length` elements, without a count. */
export function array<T>(element: Codec<T>, length: number): Codec<readonly T[]> {
  return {
    size: element.size === undefined ? undefined : element.size * length,
    write(value, sink) {
      if (value.length !== length) {
        throw new KarmeshError('CODEC', 'An array has the wrong number of elements.', {
          length: value.length,
          expected: length,
        });
      }
      for (const item of value) element.write(item, sink);
    },
    read: (source) => Array.from({ length }, () => element.read(source)),
  };
}

/** One of `values` as its position in a u8, counted from 1 so that zeroed bytes never decode. */
export function oneOf<const V extends readonly string[]>(values: V): Codec<V[number]> {
  return {
    size: 1,
    write(value, sink) {
      const position = values.indexOf(value) + 1;
      if (position === 0) throw new KarmeshError('CODEC', 'A value is no known alternative.', { value });
      u8.write(position, sink);
    },
    read(source) {
      const position = source.u8();
      const value = values[position - 1];
      if (value === undefined)
        throw new KarmeshError('CODEC', 'A byte names no known alternative.', { byte: position });
      return value;
    },
  };
}

/** A codec of `size` bytes from its two functions. */
export function hasSize<T>(
  size: number,
  codec: { write(value: T, sink: Sink): void; read(source: Source): T },
): Codec<T> {
  return { size, write: codec.write, read: codec.read };
}

type Fields = Readonly<Record<string, Codec<never>>>;
type StructOf<F> = { readonly [K in keyof F]: Decoded<F[K]> };

/** Fields one after another, in the order of `fields`. */
export function struct<F extends { readonly [K in keyof F]: Codec<never> | Codec<unknown> }>(
  fields: F,
): Codec<StructOf<F>> {
  const entries = Object.entries(fields as Fields) as [string, Codec<unknown>][];
  let size: number | undefined = 0;
  for (const [, codec] of entries)
    size = size === undefined || codec.size === undefined ? undefined : size + codec.size;
  return {
    size,
    write(value, sink) {
      const record = value as Readonly<Record<string, unknown>>;
      for (const [name, codec] of entries) codec.write(record[name], sink);
    },
    read(source) {
      const out: Record<string, unknown> = {};
      for (const [name, codec] of entries) out[name] = codec.read(source);
      return out as StructOf<F>;
    },
  };
}

const SCRATCH_BYTES = 1 << 16;
const scratch = new Sink(SCRATCH_BYTES);
let isScratchTaken = false;

/**
 * Gives `use` a value's bytes, which are there until it returns. All share one buffer: an array of more than 64 bytes lies outside of
 * the heap, and making one for each of some thirty hashes of an entry takes longer than hashing.
 */
export function withEncoded<T, R>(codec: Codec<T>, value: T, use: (bytes: Uint8Array) => R): R {
  // A codec, or what uses the bytes, may itself encode.
  const sink = isScratchTaken ? new Sink(codec.size ?? 256) : scratch;
  const isShared = sink === scratch;
  if (isShared) isScratchTaken = true;
  try {
    codec.write(value, sink);
    return use(sink.view());
  } finally {
    if (isShared) {
      scratch.clear(SCRATCH_BYTES);
      isScratchTaken = false;
    }
  }
}

/** A value's bytes. `expectedBytes`: how many there may be, of a value so long that its buffer should not have to grow. */
export function encode<T>(codec: Codec<T>, value: T, options: { readonly expectedBytes?: number } = {}): Uint8Array {
  const { expectedBytes = 0 } = options;
  if (expectedBytes > SCRATCH_BYTES) {
    const sink = new Sink(expectedBytes);
    codec.write(value, sink);
    return sink.view();
  }
  // What outgrew the shared buffer has one that nobody else gets; a report of a million receipts is not copied once more.
  return withEncoded(codec, value, (bytes) => (bytes.length > SCRATCH_BYTES ? bytes : bytes.slice()));
}

/** Decodes all of `bytes`. Throws `CODEC` on a short, long or malformed message. */
export function decode<T>(codec: Codec<T>, bytes: Uint8Array): T {
  const source = new Source(bytes);
  const value = codec.read(source);
  if (source.remaining > 0)
    throw new KarmeshError('CODEC', 'A message goes on after its last field.', { extra: source.remaining });
  return value;
}

/** What bytes of a peer hold, or undefined for bytes that are no such value. */
export function tryDecode<T>(codec: Codec<T>, bytes: Uint8Array): T | undefined {
  try {
    return decode(codec, bytes);
  } catch (error) {
    if (error instanceof KarmeshError && error.code === 'CODEC') return undefined;
    throw error;
  }
}
