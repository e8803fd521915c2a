import { KarmeshError } from '@karmesh/sdk/errors';
import {
  agreeingReceipts,
  type CandidateGroup,
  type CheckedEntry,
  candidateCodec,
  candidateGroupCodec,
  concatBytes,
  type Decoded,
  decode,
  encode,
  entryCodec,
  entryHashOf,
  type Hash,
  hashCodec,
  MAX_DRAWN,
  type Signed,
  signedCodec,
  struct,
  u64,
  type Verdict,
  vector,
  verdictRecord,
} from '@karmesh/sdk/protocol';

/** An accepted entry with what its check found, and the slot hash that it was drawn from. */
export interface StoredEntry {
  readonly entryHash: Hash;
  readonly slotHash: Hash;
  readonly checked: CheckedEntry;
}

/** A signed verdict and the slot in which this validator first held it. */
export interface StoredVerdict {
  readonly verdictHash: Hash;
  readonly signed: Signed<Verdict>;
  readonly arrivedSlot: bigint;
}

/** One record of an epoch's log. A `carried` entry was dispatched earlier and waits for this epoch's tally. */
export type EpochRecord =
  | { readonly type: 'entry' | 'carried'; readonly stored: StoredEntry }
  | { readonly type: 'verdict'; readonly stored: StoredVerdict }
  | { readonly type: 'snapshot'; readonly groups: readonly CandidateGroup[] };

/** No cluster has more pairs of an engine class and a model in one epoch. */
const MAX_GROUPS = 1024;

/** The largest record: a snapshot with as many candidates as one group may have. */
export const MAX_RECORD_BYTES = 16 << 20;

const storedEntryCodec = struct({
  epoch: u64,
  slotHash: hashCodec,
  activeParameters: u64,
  drawn: vector(candidateCodec, MAX_DRAWN),
  entry: entryCodec,
});
const storedVerdictCodec = struct({ arrivedSlot: u64, signed: signedCodec(verdictRecord) });
const snapshotCodec = vector(candidateGroupCodec, MAX_GROUPS);

const TAGS = { entry: 1, carried: 2, verdict: 3, snapshot: 4 } as const;

/** The bytes of one record: a tag and its fields. */
export function encodeEpochRecord(record: EpochRecord): Uint8Array {
  return concatBytes(new Uint8Array([TAGS[record.type]]), fieldsOf(record));
}

function fieldsOf(record: EpochRecord): Uint8Array {
  switch (record.type) {
    case 'entry':
    case 'carried': {
      const { slotHash, checked } = record.stored;
      const { epoch, activeParameters, drawn, entry } = checked;
      return encode(storedEntryCodec, { epoch, slotHash, activeParameters, drawn, entry });
    }
    case 'verdict':
      return encode(storedVerdictCodec, record.stored);
    case 'snapshot':
      return encode(snapshotCodec, record.groups);
  }
}

/** Reads a record of the log. `verdictHashOf` needs the domain, which the log does not repeat. Throws `STORE_FAILED` on an unknown tag. */
export function decodeEpochRecord(bytes: Uint8Array, verdictHashOf: (verdict: Verdict) => Hash): EpochRecord {
  const fields = bytes.subarray(1);
  switch (bytes[0]) {
    case TAGS.entry:
      return { type: 'entry', stored: storedEntryOf(decode(storedEntryCodec, fields)) };
    case TAGS.carried:
      return { type: 'carried', stored: storedEntryOf(decode(storedEntryCodec, fields)) };
    case TAGS.verdict: {
      const { arrivedSlot, signed } = decode(storedVerdictCodec, fields);
      return { type: 'verdict', stored: { arrivedSlot, signed, verdictHash: verdictHashOf(signed.value) } };
    }
    case TAGS.snapshot:
      return { type: 'snapshot', groups: decode(snapshotCodec, fields) };
    default:
      throw new KarmeshError('STORE_FAILED', 'The log of an epoch holds a record of an unknown kind.', {
        tag: bytes[0],
      });
  }
}

function storedEntryOf(row: Decoded<typeof storedEntryCodec>): StoredEntry {
  const { epoch, slotHash, activeParameters, drawn, entry } = row;
  const agreeing = agreeingReceipts(entry);
  return {
    entryHash: entryHashOf(entry),
    slotHash,
    checked: { entry, epoch, drawn, agreeing, activeParameters },
  };
}
