import { type Codec, type Decoded, fixedBytes, oneOf, struct, u8, u16, u32, u64, vector } from './codec.ts';
import { type Hash, hashCodec, hashOf } from './hash.ts';
import { type HeaderCodec, header, KIND } from './header.ts';
import { escrowCodec, participantCodec } from './ids.ts';
import { SEAL_SALT_BYTES } from './output.ts';
import { assuranceCodec, finishReasonCodec } from './request.ts';

// Everything that a participant or a buyer signs (F-20 to F-32 in docs/protocol.md, which tables signer and fields). Times are Unix milliseconds.
// A record names participants by the address of their account; the key that must have signed is that account's identity in the
// record's epoch.

function record<T>(kind: number, fields: Codec<T>): HeaderCodec<T> {
  return header(kind, fields);
}

/** F-20, signed by the gateway when it takes the request. `priceCap` in lamports, `unitPrice` as the list price is (M-01); `ticketNumber` is consecutive per gateway. */
export const ticketRecord = record(
  KIND.ticket,
  struct({
    requestId: hashCodec,
    gateway: participantCodec,
    ticketNumber: u64,
    lane: u8,
    priceCap: u64,
    unitPrice: u64,
    escrow: escrowCodec,
    issuedAtMs: u64,
  }),
);
export type Ticket = Decoded<typeof ticketRecord.fields>;

/** F-21, signed by the gateway when the ticket leaves its lane. The epoch is that of `slot`; `dispatchNumber` counts from 1 in each epoch. */
export const dispatchRecord = record(
  KIND.dispatch,
  struct({
    ticketHash: hashCodec,
    dispatchNumber: u64,
    slot: u64,
    preimage: hashCodec,
    modelId: hashCodec,
    engineClass: hashCodec,
    assurance: assuranceCodec,
    dispatchedAtMs: u64,
  }),
);
export type Dispatch = Decoded<typeof dispatchRecord.fields>;

/** F-22, signed by the worker when it has its answer and before it sees anybody else's. */
export const sealRecord = record(
  KIND.seal,
  struct({ dispatchHash: hashCodec, worker: participantCodec, seal: hashCodec, sealedAtMs: u64 }),
);
export type Seal = Decoded<typeof sealRecord.fields>;

/** F-23, signed by the worker with every chunk of a stream; counters are cumulative, `outputChain` is F-16 up to here. */
export const usageRecord = record(
  KIND.usage,
  struct({
    dispatchHash: hashCodec,
    worker: participantCodec,
    sequence: u32,
    promptTokens: u32,
    outputTokens: u32,
    outputChain: hashCodec,
  }),
);
export type Usage = Decoded<typeof usageRecord.fields>;

/** F-24: what stands under a receipt's `bodyHash`. `sealsHash` is F-25 over the seals that the worker saw before it revealed. */
export const receiptBodyCodec = struct({
  requestId: hashCodec,
  modelId: hashCodec,
  engineClass: hashCodec,
  traceRoot: hashCodec,
  salt: fixedBytes(SEAL_SALT_BYTES),
  sealsHash: hashCodec,
  finishReason: finishReasonCodec,
  receivedAtMs: u64,
  firstTokenAtMs: u64,
  finishedAtMs: u64,
});
export type ReceiptBody = Decoded<typeof receiptBodyCodec>;

export function receiptBodyHash(body: ReceiptBody): Hash {
  return hashOf(receiptBodyCodec, body);
}

/** F-24, signed by the worker after the seals were exchanged. `counter` grows by one per worker and epoch, from 0. */
export const receiptRecord = record(
  KIND.receipt,
  struct({
    dispatchHash: hashCodec,
    worker: participantCodec,
    epoch: u64,
    counter: u64,
    promptTokens: u32,
    outputTokens: u32,
    outputHash: hashCodec,
    bodyHash: hashCodec,
  }),
);
export type Receipt = Decoded<typeof receiptRecord.fields>;

/** F-26: why a drawn worker does not run a dispatch. */
export const REFUSAL_REASONS = [
  'queue-full',
  'model-not-loaded',
  'dispatch-too-old',
  'not-drawn',
  'bad-ticket',
  'bad-request',
  'context-overflow',
  'shutting-down',
  'paused',
  'no-access',
  'no-proofs',
] as const;
export type RefusalReason = (typeof REFUSAL_REASONS)[number];

/** F-26, signed by the worker. */
export const refusalRecord = record(
  KIND.refusal,
  struct({ dispatchHash: hashCodec, worker: participantCodec, reason: oneOf(REFUSAL_REASONS), refusedAtMs: u64 }),
);
export type Refusal = Decoded<typeof refusalRecord.fields>;

/** F-27: at which step a drawn worker fell out, as its gateway saw it; `no-partner`: it sealed, but nobody else did. */
export const TIMEOUT_CAUSES = [
  'unreachable',
  'no-acceptance',
  'no-seal',
  'no-reveal',
  'bad-reveal',
  'no-partner',
] as const;
export type TimeoutCause = (typeof TIMEOUT_CAUSES)[number];

/** F-27, signed by the gateway: the recorded time-out of a drawn worker. Time-outs are tallied per pair. */
export const timeoutRecord = record(
  KIND.timeout,
  struct({ dispatchHash: hashCodec, worker: participantCodec, cause: oneOf(TIMEOUT_CAUSES), recordedAtMs: u64 }),
);
export type Timeout = Decoded<typeof timeoutRecord.fields>;

/** F-28: `agreed`: two receipts have one output hash; `none`: no two of all that answered do, and nothing is owed. */
export const OUTCOME_VERDICTS = ['agreed', 'none'] as const;

/** F-28, signed by the gateway when the request is over. `price` in lamports; `evidenceHash` is F-29 over what the entry holds. */
export const outcomeRecord = record(
  KIND.outcome,
  struct({
    dispatchHash: hashCodec,
    verdict: oneOf(OUTCOME_VERDICTS),
    outputHash: hashCodec,
    price: u64,
    evidenceHash: hashCodec,
    finishedAtMs: u64,
  }),
);
export type Outcome = Decoded<typeof outcomeRecord.fields>;

/** F-30, signed by the gateway and gossiped, at most one a second: the entries it publishes, fetched by `bodyHash`. */
export const batchRecord = record(
  KIND.batch,
  struct({
    producer: participantCodec,
    sequence: u64,
    epoch: u64,
    merkleRoot: hashCodec,
    bodyHash: hashCodec,
    count: u32,
    issuedAtMs: u64,
  }),
);
export type Batch = Decoded<typeof batchRecord.fields>;

/** F-31: what an auditor says of one receipt. `rule` is the number in the U table that failed, 0 with `pass`. */
export const AUDIT_VERDICTS = ['pass', 'fail'] as const;

/** F-31, signed by the drawn auditor; `attempt` 0 is the first drawn, 1 the second; `epoch` is the one whose beacon drew it. */
export const verdictRecord = record(
  KIND.verdict,
  struct({
    epoch: u64,
    entryHash: hashCodec,
    receiptHash: hashCodec,
    validator: participantCodec,
    attempt: u8,
    verdict: oneOf(AUDIT_VERDICTS),
    rule: u16,
    measurementsHash: hashCodec,
  }),
);
export type Verdict = Decoded<typeof verdictRecord.fields>;

/** F-32, M-07, signed by the escrow's buyer: up to which cumulative debit, in lamports, the escrow may be debited. */
export const voucherRecord = record(KIND.voucher, struct({ escrow: escrowCodec, cumulative: u64 }));
export type Voucher = Decoded<typeof voucherRecord.fields>;
const sealsCodec = vector(sealRecord.fields, 16);

/** F-25: the hash over seals in the order of the draw. */
export function sealsHashOf(seals: readonly Seal[]): Hash {
  return hashOf(sealsCodec, seals);
}
