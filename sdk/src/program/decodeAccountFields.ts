import type { IdlType } from '@coral-xyz/anchor/dist/cjs/idl.js';
import { KarmeshError } from '../errors.ts';
import { equalBytes } from '../protocol/bytes.ts';
import { idl } from './idl.ts';

const DISCRIMINATOR_BYTES = 8;
const ADDRESS_BYTES = 32;
const COUNT_BYTES = 4;
const types = new Map((idl.types ?? []).map((type) => [type.name, type.type]));
const discriminators = new Map(
  (idl.accounts ?? []).map(({ name, discriminator }) => [name, new Uint8Array(discriminator)]),
);

type Fields = Readonly<Record<string, unknown>>;
/** Where reading stands; every read moves `at`. */
type Cursor = { readonly view: DataView; at: number };

/**
 * The fields of an account of type `name`, by the IDL: every u64 a bigint, every address and byte array a Uint8Array of its own. Needs
 * nothing of Anchor at run time, so that a browser can read the chain. Throws `CODEC` unless the data begins with the type's
 * discriminator and has exactly its size.
 */
export function decodeAccountFields(name: string, data: Uint8Array): Fields {
  const discriminator = discriminators.get(name);
  const cursor: Cursor = { view: new DataView(data.buffer, data.byteOffset, data.byteLength), at: DISCRIMINATOR_BYTES };
  try {
    if (discriminator === undefined || !equalBytes(data.subarray(0, DISCRIMINATOR_BYTES), discriminator)) {
      throw new RangeError('The discriminator is another.');
    }
    const fields = readStruct(cursor, name);
    if (cursor.at !== data.length) throw new RangeError('Bytes are left over.');
    return fields;
  } catch (cause) {
    const facts = { name, bytes: data.length };
    throw new KarmeshError('CODEC', 'An account does not have the layout of its type.', facts, cause);
  }
}

function readStruct(cursor: Cursor, name: string): Fields {
  const type = types.get(name);
  if (type?.kind !== 'struct' || type.fields === undefined) throw unknownType(name);
  const fields = type.fields as readonly { readonly name: string; readonly type: IdlType }[];
  return Object.fromEntries(fields.map((field) => [field.name, readValue(cursor, field.type)]));
}

/** A `DataView` throws a RangeError beyond the end. */
function readValue(cursor: Cursor, type: IdlType): unknown {
  const { view, at } = cursor;
  const moved = <T>(bytes: number, value: T): T => {
    cursor.at = at + bytes;
    return value;
  };
  if (type === 'u8') return moved(1, view.getUint8(at));
  if (type === 'u16') return moved(2, view.getUint16(at, true));
  if (type === 'u32') return moved(4, view.getUint32(at, true));
  if (type === 'u64') return moved(8, view.getBigUint64(at, true));
  if (type === 'pubkey') return readBytes(cursor, ADDRESS_BYTES);
  if (typeof type === 'object' && 'array' in type) {
    const [item, length] = type.array;
    if (typeof length !== 'number') throw unknownType(JSON.stringify(type));
    return item === 'u8' ? readBytes(cursor, length) : Array.from({ length }, () => readValue(cursor, item));
  }
  if (typeof type === 'object' && 'vec' in type) {
    const length = view.getUint32(at, true);
    cursor.at = at + COUNT_BYTES;
    // No item is shorter than a byte, so that a false count cannot make a list longer than the account.
    checkedLength(view, cursor.at, length);
    return Array.from({ length }, () => readValue(cursor, type.vec));
  }
  if (typeof type === 'object' && 'defined' in type) return readStruct(cursor, type.defined.name);
  throw unknownType(JSON.stringify(type));
}

function readBytes(cursor: Cursor, length: number): Uint8Array {
  const { view, at } = cursor;
  cursor.at = at + length;
  // A copy: what is decoded outlives the answer that it came in.
  return new Uint8Array(new Uint8Array(view.buffer, view.byteOffset + at, checkedLength(view, at, length)));
}

function checkedLength(view: DataView, at: number, length: number): number {
  if (at + length > view.byteLength) throw new RangeError('The account ends early.');
  return length;
}

function unknownType(type: string): KarmeshError {
  return new KarmeshError('BAD_ARGUMENT', 'The IDL uses a type that this client does not know.', { type });
}
