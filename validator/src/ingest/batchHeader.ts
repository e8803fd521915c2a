import { KarmeshError } from '@karmesh/sdk/errors';
import {
  type Batch,
  batchRecord,
  checkRecord,
  type Domain,
  decode,
  equalBytes,
  type Hash,
  type Identity,
  MAX_BATCH_ENTRIES,
  type Participant,
  type Signed,
  signedBatchCodec,
  type VerifySignature,
} from '@karmesh/sdk/protocol';

/** `ignore` costs whoever sent it nothing, `reject` costs it score. Rules I-01 to I-08 are about headers, I-10 and on about bodies. */
export type Fault = {
  readonly verdict: 'ignore' | 'reject';
  readonly rule: string;
  readonly facts: Readonly<Record<string, string | number | bigint>>;
};

/** A header that was accepted, as it came. */
export interface KnownHeader {
  readonly headerHash: Hash;
  readonly bytes: Uint8Array;
}

/** Two headers of one producer with one number, both signed by its identity (P-44). */
export interface ForkedHeader {
  readonly first: Signed<Batch>;
  readonly second: Signed<Batch>;
  readonly identity: Identity;
}

export type HeaderVerdict =
  | (Fault & { readonly forked?: ForkedHeader })
  | { readonly verdict: 'accept'; readonly batch: Signed<Batch> };

/** What is known of a producer's earlier headers. */
export interface ProducerHistory {
  /** The header with this sequence, if it was seen. */
  header(sequence: bigint): KnownHeader | undefined;
  /** Whether one more header keeps to a second each on average. Taking spends. */
  takeTurn(): boolean;
}

export interface HeaderContext {
  readonly domain: Domain;
  readonly verify?: VerifySignature;
  /** Undefined before the first epoch. */
  readonly epoch: bigint | undefined;
  readonly gatewayIdentity: (gateway: Participant, epoch: bigint) => Identity | undefined;
  readonly history: (producer: Participant) => ProducerHistory;
}

function fault(verdict: Fault['verdict'], rule: string, facts: Fault['facts'] = {}): Fault {
  return { verdict, rule, facts };
}

/** I-01 to I-07: judges a gossiped batch header (F-30) by itself and by what its producer sent before. */
export function judgeBatchHeader(context: HeaderContext, bytes: Uint8Array): HeaderVerdict {
  // I-01: a header has one size, and every byte of it means something.
  const batch = decodeHeader(bytes);
  if (batch === undefined) return fault('reject', 'I-01', { bytes: bytes.length });
  const { producer, sequence, epoch, count } = batch.value;
  // I-02: the epoch is the current one or one of the two before, whose entries may still enter a set.
  if (context.epoch === undefined || epoch > context.epoch || epoch + 2n < context.epoch) {
    return fault('ignore', 'I-02', { epoch, current: context.epoch ?? -1n });
  }
  // I-03: the producer is a gateway that the chain knows.
  const identity = context.gatewayIdentity(producer, epoch);
  if (identity === undefined) return fault('ignore', 'I-03', { epoch });
  // I-04: its identity of that epoch signed.
  const { domain, verify } = context;
  if (!checkRecord(batchRecord, { domain, identity, ...(verify === undefined ? {} : { verify }) }, batch)) {
    return fault('reject', 'I-04', { sequence });
  }
  // I-05: a batch is neither empty nor over its bound.
  if (count < 1 || count > MAX_BATCH_ENTRIES) return fault('reject', 'I-05', { count });
  const history = context.history(producer);
  // I-06: one header for a sequence number, once. A gateway that signs two has forked its own stream.
  const before = history.header(sequence);
  if (before !== undefined) {
    const same = equalBytes(before.headerHash, batchRecord.hash(domain, batch.value));
    if (same) return fault('ignore', 'I-06', { sequence });
    const forked = { first: decode(signedBatchCodec, before.bytes), second: batch, identity };
    return { ...fault('reject', 'I-06', { sequence }), forked };
  }
  // I-07: at most one header a second, over some seconds.
  if (!history.takeTurn()) return fault('ignore', 'I-07', { sequence });
  return { verdict: 'accept', batch };
}

function decodeHeader(bytes: Uint8Array): Signed<Batch> | undefined {
  try {
    return decode(signedBatchCodec, bytes);
  } catch (error) {
    if (error instanceof KarmeshError && error.code === 'CODEC') return undefined;
    throw error;
  }
}
