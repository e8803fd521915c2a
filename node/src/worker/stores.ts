import {
  type Decoded,
  fixedBytes,
  type Hash,
  hashCodec,
  inferenceRequestCodec,
  type Receipt,
  SEAL_SALT_BYTES,
  struct,
  tokensCodec,
  u64,
} from '@karmesh/sdk/protocol';

/** W-16: what a worker keeps to answer an audit: the canonical request with its blinding, the answer's tokens and the seal's salt. */
export const auditRecordCodec = struct({
  receiptHash: hashCodec,
  epoch: u64,
  request: inferenceRequestCodec,
  tokens: tokensCodec,
  salt: fixedBytes(SEAL_SALT_BYTES),
});
export type AuditRecord = Decoded<typeof auditRecordCodec>;

/** W-16: the receipts that a worker has committed to sign. It holds no prompt and no answer. */
export interface ReceiptLog {
  /** The next counter of an epoch. No two calls get the same one, in this process or after a restart of one that recorded it. */
  takeCounter(epoch: bigint): bigint;
  /** Resolves once the receipt is on disk. Throws `DISK_FULL` or `STORE_FAILED`. */
  record(receipt: Receipt): Promise<void>;
  /** Whether a receipt for this dispatch was recorded lately, in this process or an earlier one. */
  hasDispatch(dispatchHash: Hash): boolean;
}

/** W-17: where audit records lie. */
export interface AuditStore {
  /** Resolves once the record is on disk. Throws `DISK_FULL` or `STORE_FAILED`. */
  put(record: AuditRecord): Promise<void>;
  get(place: { readonly epoch: bigint; readonly receiptHash: Hash }): Promise<AuditRecord | undefined>;
  /** How many answers of `proof` requests it holds, by epoch. */
  countProofs(): Promise<ReadonlyMap<bigint, number>>;
  /** Deletes the records of epochs up to and including this one. */
  dropUpTo(epoch: bigint): Promise<void>;
}
