import { KarmeshError } from '../errors.ts';
import { compareBytes } from './bytes.ts';
import { array, type Codec, encode, struct, u32, u64 } from './codec.ts';
import { type Hash, hashCodec } from './hash.ts';
import type { KarmaVector } from './karma.ts';

/** Five parts of micro-karma. */
export const karmaCodec = array(u64, 5) as unknown as Codec<KarmaVector>;

/** What one record earned its signer in an epoch: an item of that participant's receiptsRoot (T-04). */
export interface ReceiptCredit {
  readonly entryHash: Hash;
  /** Of the record: a worker's receipt, a gateway's outcome (M-05), a validator's verdict (M-06). */
  readonly receiptHash: Hash;
  readonly karma: KarmaVector;
  readonly owed: bigint;
}

/** A participant's credits of an epoch. An array is one; those of a tally and of a decoded report are packed. */
export interface CreditList extends Iterable<ReceiptCredit> {
  readonly length: number;
  at(index: number): ReceiptCredit | undefined;
}

/** T-04: a credit as it stands in a report's body, and behind the leaf's prefix in what its leaf is the hash of. */
export const creditCodec = struct({ entryHash: hashCodec, receiptHash: hashCodec, karma: karmaCodec, owed: u64 });
/** Of one credit on the wire. */
export const CREDIT_BYTES = creditCodec.size ?? 0;
const HASH_BYTES = 32;

/** Credits as the bytes that a report's body has for them: 112 each, a quarter of what objects take. */
class PackedCredits implements CreditList {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
  get length(): number {
    return this.bytes.length / CREDIT_BYTES;
  }
  at(index: number): ReceiptCredit | undefined {
    const at = index < 0 ? index + this.length : index;
    if (!Number.isInteger(at)) return undefined;
    if (!(at >= 0 && at < this.length)) return undefined;
    return creditAt(this.bytes, CREDIT_BYTES * at);
  }
  *[Symbol.iterator](): Generator<ReceiptCredit> {
    for (let at = 0; at < this.bytes.length; at += CREDIT_BYTES) yield creditAt(this.bytes, at);
  }
}

/** A credit's bytes, or undefined behind the last one. */
export function creditBytes(credits: CreditList, index: number): Uint8Array | undefined {
  if (credits instanceof PackedCredits)
    return index < credits.length
      ? credits.bytes.subarray(CREDIT_BYTES * index, CREDIT_BYTES * (index + 1))
      : undefined;
  const credit = credits.at(index);
  return credit === undefined ? undefined : encode(creditCodec, credit);
}

/** What a credit's bytes add up to: five parts of karma and what is owed. */
export function creditSums(bytes: Uint8Array): readonly bigint[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset + 2 * HASH_BYTES, 6 * 8);
  return Array.from({ length: 6 }, (_, i) => view.getBigUint64(8 * i, true));
}

function creditAt(bytes: Uint8Array, at: number): ReceiptCredit {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, CREDIT_BYTES);
  const number = (i: number): bigint => view.getBigUint64(2 * HASH_BYTES + 8 * i, true);
  return {
    entryHash: bytes.slice(at, at + HASH_BYTES),
    receiptHash: bytes.slice(at + HASH_BYTES, at + 2 * HASH_BYTES),
    karma: [number(0), number(1), number(2), number(3), number(4)],
    owed: number(5),
  };
}

const BLOCK_CREDITS = 1024;

/** Collects the credits of one participant, in any order. */
export interface CreditCollector {
  add(credit: ReceiptCredit): void;
  /** T-04: all of them, sorted by entry, then by the record that earned. Once: what was collected is given up. */
  sorted(): CreditList;
}

export function creditCollector(): CreditCollector {
  // In blocks, so that growing copies nothing; the first are small, since most participants earn a few credits.
  let blocks: Uint8Array[] = [];
  let room = 0;
  let count = 0;
  return {
    add(credit) {
      if (room === 0) {
        room = Math.min(BLOCK_CREDITS, Math.max(8, count));
        blocks.push(new Uint8Array(CREDIT_BYTES * room));
      }
      const block = blocks.at(-1);
      block?.set(encode(creditCodec, credit), block.length - CREDIT_BYTES * room);
      room -= 1;
      count += 1;
    },
    sorted() {
      const credits = blocks
        .flatMap((block) =>
          Array.from({ length: block.length / CREDIT_BYTES }, (_, i) =>
            block.subarray(CREDIT_BYTES * i, CREDIT_BYTES * (i + 1)),
          ),
        )
        .slice(0, count);
      // A credit begins with the entry's hash and the record's.
      credits.sort(compareBytes);
      const out = new Uint8Array(CREDIT_BYTES * count);
      for (const [to, credit] of credits.entries()) out.set(credit, CREDIT_BYTES * to);
      blocks = [];
      room = 0;
      count = 0;
      return new PackedCredits(out);
    },
  };
}

/** A u32 count and at most `max` credits. */
export function creditsCodec(max: number): Codec<CreditList> {
  const checkMax = (length: number): void => {
    if (length > max) throw new KarmeshError('CODEC', 'A field is longer than its maximum.', { length, max });
  };
  return {
    size: undefined,
    write(value, sink) {
      checkMax(value.length);
      u32.write(value.length, sink);
      if (value instanceof PackedCredits) sink.push(value.bytes);
      else for (const credit of value) creditCodec.write(credit, sink);
    },
    read(source) {
      const length = source.u32();
      checkMax(length);
      return new PackedCredits(source.take(CREDIT_BYTES * length));
    },
  };
}
