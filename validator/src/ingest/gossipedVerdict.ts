import { KarmeshError } from '@karmesh/sdk/errors';
import {
  checkRecord,
  type Domain,
  decode,
  equalBytes,
  type Identity,
  type Signed,
  signedCodec,
  type Verdict,
  type VerifySignature,
  verdictRecord,
} from '@karmesh/sdk/protocol';
import type { Fault } from './batchHeader.ts';

export interface VerdictGossipContext {
  readonly domain: Domain;
  readonly verify?: VerifySignature;
  /** Undefined before the first epoch. */
  readonly epoch: bigint | undefined;
  /** The key of a validator that is active in an epoch. */
  readonly validatorIdentity: (validator: Uint8Array, epoch: bigint) => Identity | undefined;
  /** The verdicts held for an epoch. */
  readonly held: (epoch: bigint) => Iterable<Signed<Verdict>>;
}

/** How many verdicts of one validator are kept for one epoch. */
const MAX_VERDICTS = 16_384;

/** Epochs behind the current one whose verdicts still matter. */
const VERDICT_EPOCHS = 8n;

const codec = signedCodec(verdictRecord);

/** `forked`: the verdict contradicts one that is held, and its validator's identity signed both (P-44). */
export type VerdictVerdict =
  | (Fault & { readonly forked?: ForkedVerdict })
  | { readonly verdict: 'accept'; readonly signed: Signed<Verdict> };

/** Two verdicts of one validator on one answer and attempt. */
export interface ForkedVerdict {
  readonly first: Signed<Verdict>;
  readonly second: Signed<Verdict>;
  readonly identity: Identity;
}

/** I-20 to I-24: judges a gossiped verdict (F-31). Whether its auditor was drawn is V-16, once the beacon and the set are known. */
export function judgeGossipedVerdict(context: VerdictGossipContext, bytes: Uint8Array): VerdictVerdict {
  // I-20: a verdict has one size and decodes.
  const signed = decodeVerdict(bytes);
  if (signed === undefined) return { verdict: 'reject', rule: 'I-20', facts: { bytes: bytes.length } };
  const { epoch, validator, attempt, entryHash } = signed.value;
  // I-21: the epoch has ended, not long ago.
  if (context.epoch === undefined || epoch >= context.epoch || epoch + VERDICT_EPOCHS < context.epoch) {
    return { verdict: 'ignore', rule: 'I-21', facts: { epoch } };
  }
  // I-22: a validator that was active signed it.
  const identity = context.validatorIdentity(validator, epoch);
  if (identity === undefined) return { verdict: 'ignore', rule: 'I-22', facts: { epoch } };
  const { domain, verify } = context;
  if (!checkRecord(verdictRecord, { domain, identity, ...(verify === undefined ? {} : { verify }) }, signed)) {
    return { verdict: 'reject', rule: 'I-22', facts: { epoch } };
  }
  let own = 0;
  for (const first of context.held(epoch)) {
    const { value } = first;
    if (!equalBytes(value.validator, validator)) continue;
    own += 1;
    // I-23: one verdict per validator, answer and attempt; the first one heard stays.
    if (value.attempt === attempt && equalBytes(value.entryHash, entryHash)) {
      const isSame = equalBytes(verdictRecord.hash(domain, value), verdictRecord.hash(domain, signed.value));
      const known: Fault = { verdict: 'ignore', rule: 'I-23', facts: { epoch, attempt } };
      return isSame ? known : { ...known, forked: { first, second: signed, identity } };
    }
  }
  // I-24: no validator fills another's disk.
  if (own >= MAX_VERDICTS) return { verdict: 'ignore', rule: 'I-24', facts: { epoch, held: own } };
  return { verdict: 'accept', signed };
}

function decodeVerdict(bytes: Uint8Array): Signed<Verdict> | undefined {
  try {
    return decode(codec, bytes);
  } catch (error) {
    if (error instanceof KarmeshError && error.code === 'CODEC') return undefined;
    throw error;
  }
}
