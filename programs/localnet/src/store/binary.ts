import { KarmeshError } from '@karmesh/sdk/errors';
import { plain } from '../plainBytes.ts';

/** Collects little-endian fields. */
export class Writer {
  readonly #parts: Uint8Array[] = [];

  u8(value: number): void {
    this.#parts.push(Uint8Array.of(value));
  }
  u32(value: number): void {
    const out = new Uint8Array(4);
    new DataView(out.buffer).setUint32(0, value, true);
    this.#parts.push(out);
  }
  u64(value: number | bigint): void {
    const out = new Uint8Array(8);
    new DataView(out.buffer).setBigUint64(0, BigInt(value), true);
    this.#parts.push(out);
  }
  fixed(bytes: Uint8Array): void {
    this.#parts.push(bytes);
  }
  bytes(bytes: Uint8Array): void {
    this.u32(bytes.length);
    this.#parts.push(bytes);
  }
  text(value: string): void {
    this.bytes(Buffer.from(value, 'utf8'));
  }
  list<T>(values: readonly T[], write: (value: T) => void): void {
    this.u32(values.length);
    for (const value of values) write(value);
  }
  finish(): Uint8Array {
    return plain(Buffer.concat(this.#parts));
  }
}

/** Reads what `Writer` wrote. The log's checksum has passed by then, so what does not fit is damage or another version's. */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = plain(bytes);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  get remaining(): number {
    return this.#bytes.length - this.#at;
  }
  u8(): number {
    return this.#view.getUint8(this.#advance(1));
  }
  u32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }
  u64(): bigint {
    return this.#view.getBigUint64(this.#advance(8), true);
  }
  number(): number {
    return Number(this.u64());
  }
  fixed(length: number): Uint8Array {
    const start = this.#advance(length);
    return this.#bytes.slice(start, start + length);
  }
  bytes(): Uint8Array {
    return this.fixed(this.u32());
  }
  text(): string {
    return Buffer.from(this.bytes()).toString('utf8');
  }
  list<T>(read: () => T): T[] {
    const count = this.u32();
    // Every element takes a byte at least.
    if (count > this.remaining) throw damagedRecord();
    return Array.from({ length: count }, read);
  }
  end(): void {
    if (this.remaining > 0) throw damagedRecord();
  }
  #advance(length: number): number {
    if (length > this.remaining) throw damagedRecord();
    const start = this.#at;
    this.#at += length;
    return start;
  }
}

export function damagedRecord(): KarmeshError {
  return new KarmeshError(
    'STORE_FAILED',
    'A record of the ledger has an unknown form; it is of another version or damaged.',
  );
}
