import { MAX_DRAWN } from './assignment.ts';
import { type Decoded, struct, u64, vector } from './codec.ts';
import { type Hash, hashOf } from './hash.ts';
import {
  dispatchRecord,
  outcomeRecord,
  receiptBodyCodec,
  receiptRecord,
  refusalRecord,
  sealRecord,
  ticketRecord,
  timeoutRecord,
} from './records.ts';
import { signedCodec } from './signature.ts';

/** E-01: a receipt with what stands under its body hash. */
export const revealedReceiptCodec = struct({ receipt: signedCodec(receiptRecord), body: receiptBodyCodec });
export type RevealedReceipt = Decoded<typeof revealedReceiptCodec>;

/** E-01: a worker's seal and when its gateway got it (Unix milliseconds): the countersigned time that K-03 uses. */
export const arrivedSealCodec = struct({ seal: signedCodec(sealRecord), arrivedAtMs: u64 });
export type ArrivedSeal = Decoded<typeof arrivedSealCodec>;

/** E-01: what the drawn workers did, each list in the order of the draw. */
export const evidenceCodec = struct({
  seals: vector(arrivedSealCodec, MAX_DRAWN),
  receipts: vector(revealedReceiptCodec, MAX_DRAWN),
  refusals: vector(signedCodec(refusalRecord), MAX_DRAWN),
  timeouts: vector(signedCodec(timeoutRecord), MAX_DRAWN),
});
export type Evidence = Decoded<typeof evidenceCodec>;

/** F-29: the hash of an entry's evidence, which its outcome signs. */
export function evidenceHashOf(evidence: Evidence): Hash {
  return hashOf(evidenceCodec, evidence);
}

/** E-01: everything signed about one request: the unit of a receipt set. It holds hashes, never the prompt or the answer. */
export const entryCodec = struct({
  ticket: signedCodec(ticketRecord),
  dispatch: signedCodec(dispatchRecord),
  evidence: evidenceCodec,
  outcome: signedCodec(outcomeRecord),
});
export type Entry = Decoded<typeof entryCodec>;

/** E-02: `entryHash = H(entry)`. */
export function entryHashOf(entry: Entry): Hash {
  return hashOf(entryCodec, entry);
}

/** E-03: at most so many entries in a batch body, and so many bytes in one entry. */
export const MAX_BATCH_ENTRIES = 4096;
export const MAX_ENTRY_BYTES = 16_384;
export const batchBodyCodec = vector(entryCodec, MAX_BATCH_ENTRIES);
