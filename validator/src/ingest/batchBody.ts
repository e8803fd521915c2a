import {
  type Batch,
  type Domain,
  decode,
  type Entry,
  entryCodec,
  entryHashOf,
  equalBytes,
  type Hash,
  hash,
  MAX_BATCH_ENTRIES,
  MAX_ENTRY_BYTES,
  receiptSetTree,
  toHex,
  tryDecode,
  vector,
  withBytes,
} from '@karmesh/sdk/protocol';
import type { Fault } from './batchHeader.ts';

/** No body is longer: a count and as many entries of full size. */
export const MAX_BATCH_BODY_BYTES = Math.min(4 + MAX_BATCH_ENTRIES * MAX_ENTRY_BYTES, 50_000_000);

/** An entry as it came, and its hash (E-02): the bytes have one form. */
export interface HashedEntry {
  /** Decoded anew at each call: what lives for a moment costs little, while a whole body decoded is ten times its bytes. */
  readonly entry: () => Entry;
  readonly entryHash: Hash;
}

export type BodyVerdict = Fault | { readonly verdict: 'accept'; readonly entries: readonly HashedEntry[] };

/** Reads all of an entry and keeps what the body's own rules need. */
interface EntrySketch {
  readonly bytes: Uint8Array;
  readonly price: bigint;
}
const wholeEntry = withBytes(entryCodec);
const bodyCodec = vector<EntrySketch>(
  {
    size: undefined,
    read(source) {
      const { value, bytes } = wholeEntry.read(source);
      return { bytes, price: value.outcome.value.price };
    },
    write: ({ bytes }, sink) => sink.push(bytes),
  },
  MAX_BATCH_ENTRIES,
);

/** I-10 to I-13: judges the body of an accepted header. Its faults are the producer's, who signed the header. */
export function judgeBatchBody(
  domain: Domain,
  body: { readonly batch: Batch; readonly bytes: Uint8Array },
): BodyVerdict {
  const { batch, bytes } = body;
  const { sequence } = batch;
  // I-10: the bytes are those that the header names.
  if (!equalBytes(hash(bytes), batch.bodyHash)) return { verdict: 'reject', rule: 'I-10', facts: { sequence } };
  // I-11: they decode, and no entry is over its bound.
  const read = tryDecode(bodyCodec, bytes);
  if (read === undefined || read.some((row) => row.bytes.length > MAX_ENTRY_BYTES)) {
    return { verdict: 'reject', rule: 'I-11', facts: { sequence, bytes: bytes.length } };
  }
  const rows = read.map(({ bytes: own, price }) => ({ own, price, entryHash: hash(own) }));
  // I-12: as many entries as the header says, all different.
  const distinct = new Set(rows.map(({ entryHash }) => toHex(entryHash)));
  if (rows.length !== batch.count || distinct.size !== rows.length) {
    return { verdict: 'reject', rule: 'I-12', facts: { sequence, entries: rows.length, count: batch.count } };
  }
  // I-13: they reach the header's root.
  if (!equalBytes(receiptSetTree(domain, { epoch: batch.epoch, entries: rows }).root.hash, batch.merkleRoot)) {
    return { verdict: 'reject', rule: 'I-13', facts: { sequence } };
  }
  const entries = rows.map(({ own, entryHash }): HashedEntry => ({ entry: () => decode(entryCodec, own), entryHash }));
  return { verdict: 'accept', entries };
}

/** F-30: a batch's Merkle root is that of a receipt set (E-32) with the entries in the order of the body. */
export function batchRootOf(
  domain: Domain,
  batch: { readonly epoch: bigint; readonly entries: readonly Entry[] },
): Hash {
  const entries = batch.entries.map((entry) => ({ entryHash: entryHashOf(entry), price: entry.outcome.value.price }));
  return receiptSetTree(domain, { epoch: batch.epoch, entries }).root.hash;
}
