import type { Address } from '@solana/kit';
import { addressOf, toBase58 } from '../base58.ts';
import { plain } from '../plainBytes.ts';

/** The largest serialized transaction in bytes: an IPv6 packet of 1,280 without its headers. */
export const maxTransactionBytes = 1_232;

export type WireInstruction = {
  readonly programIdIndex: number;
  readonly accounts: readonly number[];
  readonly data: Uint8Array;
};

export type WireLookup = {
  readonly table: Address;
  readonly writable: readonly number[];
  readonly readonly: readonly number[];
};

export type WireMessage = {
  readonly bytes: Uint8Array;
  readonly version: 'legacy' | 0;
  readonly header: {
    readonly numRequiredSignatures: number;
    readonly numReadonlySignedAccounts: number;
    readonly numReadonlyUnsignedAccounts: number;
  };
  readonly accountKeys: readonly Address[];
  readonly recentBlockhash: string;
  readonly instructions: readonly WireInstruction[];
  readonly lookups: readonly WireLookup[];
};

export type WireTransaction = {
  readonly bytes: Uint8Array;
  /** The first signature in base58, by which the transaction is known. */
  readonly signature: string;
  readonly signatures: readonly Uint8Array[];
  readonly message: WireMessage;
};

/** Bytes that are no transaction, or one that no cluster takes. */
export class WireError extends Error {
  readonly kind: 'malformed' | 'unsanitary';
  constructor(kind: WireError['kind'], sentence: string) {
    super(sentence);
    this.name = 'WireError';
    this.kind = kind;
  }
}

/** A cursor over untrusted bytes. */
class Cursor {
  readonly #bytes: Uint8Array;
  #at = 0;
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }
  get at(): number {
    return this.#at;
  }
  get remaining(): number {
    return this.#bytes.length - this.#at;
  }
  peek(): number {
    return this.#bytes[this.#at] ?? 0;
  }
  take(length: number): Uint8Array {
    if (length > this.remaining) throw new WireError('malformed', `Attempting to read ${length} bytes`);
    const start = this.#at;
    this.#at += length;
    return this.#bytes.slice(start, this.#at);
  }
  byte(): number {
    return this.take(1)[0] ?? 0;
  }
  /** Solana's compact-u16: seven bits a byte, least significant first, at most three bytes and no longer than needed. */
  compact(): number {
    let value = 0;
    for (let shift = 0; shift < 21; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if ((byte & 0x80) === 0) {
        if ((byte === 0 && shift > 0) || value > 0xffff) break;
        return value;
      }
    }
    throw new WireError('malformed', 'A length is not a valid compact-u16');
  }
  /** A count of elements of at least `size` bytes each, so that no claim outruns the bytes that are there. */
  count(size: number): number {
    const count = this.compact();
    if (count * size > this.remaining) throw new WireError('malformed', `Attempting to read ${count * size} bytes`);
    return count;
  }
  list<T>(size: number, read: () => T): T[] {
    return Array.from({ length: this.count(size) }, read);
  }
}

/** Parses a message alone (`getFeeForMessage`). Throws `WireError`. */
export function parseMessage(received: Uint8Array): WireMessage {
  const bytes = plain(received);
  const cursor = new Cursor(bytes);
  const message = readMessage(cursor, bytes);
  if (cursor.remaining > 0) throw new WireError('malformed', 'Bytes follow the end of the message');
  return message;
}

/** Parses a legacy or version 0 transaction and checks what Agave's `sanitize` checks. Throws `WireError`. */
export function parseTransaction(received: Uint8Array): WireTransaction {
  const bytes = plain(received);
  const cursor = new Cursor(bytes);
  const signatures = cursor.list(64, () => cursor.take(64));
  const message = readMessage(cursor, bytes.slice(cursor.at));
  if (cursor.remaining > 0) throw new WireError('malformed', 'Bytes follow the end of the transaction');
  const [first] = signatures;
  if (first === undefined || signatures.length !== message.header.numRequiredSignatures) {
    throw unsanitary();
  }
  return { bytes, signature: toBase58(first), signatures, message };
}

function readMessage(cursor: Cursor, bytes: Uint8Array): WireMessage {
  const versioned = (cursor.peek() & 0x80) !== 0;
  if (versioned) {
    const version = cursor.byte() & 0x7f;
    if (version !== 0) throw new WireError('malformed', `Transaction version ${version} is not supported`);
  }
  const header = {
    numRequiredSignatures: cursor.byte(),
    numReadonlySignedAccounts: cursor.byte(),
    numReadonlyUnsignedAccounts: cursor.byte(),
  };
  const accountKeys = cursor.list(32, () => addressOf(cursor.take(32)));
  const recentBlockhash = toBase58(cursor.take(32));
  const instructions = cursor.list(3, () => ({
    programIdIndex: cursor.byte(),
    accounts: [...cursor.take(cursor.count(1))],
    data: cursor.take(cursor.count(1)),
  }));
  const lookups = versioned
    ? cursor.list(34, () => ({
        table: addressOf(cursor.take(32)),
        writable: [...cursor.take(cursor.count(1))],
        readonly: [...cursor.take(cursor.count(1))],
      }))
    : [];
  const message: WireMessage = {
    bytes,
    version: versioned ? 0 : 'legacy',
    header,
    accountKeys,
    recentBlockhash,
    instructions,
    lookups,
  };
  sanitize(message);
  return message;
}

function sanitize({ header, accountKeys, instructions, lookups }: WireMessage): void {
  const loaded = lookups.reduce((sum, each) => sum + each.writable.length + each.readonly.length, 0);
  const keys = accountKeys.length + loaded;
  if (header.numRequiredSignatures + header.numReadonlyUnsignedAccounts > accountKeys.length) throw unsanitary();
  // The first account pays the fee, so it must be a signer and writable.
  if (header.numReadonlySignedAccounts >= header.numRequiredSignatures) throw unsanitary();
  if (keys > 256) throw unsanitary();
  if (lookups.some((each) => each.writable.length + each.readonly.length === 0)) throw unsanitary();
  for (const { programIdIndex, accounts } of instructions) {
    if (programIdIndex === 0 || programIdIndex >= accountKeys.length) throw unsanitary();
    if (accounts.some((index) => index >= keys)) throw unsanitary();
  }
}

function unsanitary(): WireError {
  return new WireError('unsanitary', 'invalid transaction: Transaction failed to sanitize accounts offsets correctly');
}

/** Whether the account at `index` of the static keys may be written. */
export function isWritable({ header, accountKeys }: WireMessage, index: number): boolean {
  if (index < header.numRequiredSignatures)
    return index < header.numRequiredSignatures - header.numReadonlySignedAccounts;
  return index < accountKeys.length - header.numReadonlyUnsignedAccounts;
}
