import { crc32 } from 'node:zlib';
import { KarmeshError } from '@karmesh/sdk/errors';
import {
  agreeingReceipts,
  type Candidate,
  type CandidateGroup,
  type CheckedEntry,
  type Codec,
  candidateGroupCodec,
  encode,
  entryCodec,
  equalBytes,
  type Hash,
  hash,
  hashCodec,
  MAX_DRAWN,
  type Signed,
  signedCodec,
  struct,
  tryDecode,
  u32,
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

/** No cluster has more pairs of an engine class and a model in one epoch. */
const MAX_GROUPS = 1024;

/** `drawn` names candidates by their numbers in the epoch's own table: whole they would be a fifth of the row. */
const entryRowCodec = struct({
  epoch: u64,
  slotHash: hashCodec,
  activeParameters: u64,
  drawn: vector(u32, MAX_DRAWN),
  entry: entryCodec,
});
const verdictRowCodec = struct({ arrivedSlot: u64, signed: signedCodec(verdictRecord) });
const snapshotCodec = vector(candidateGroupCodec, MAX_GROUPS);

export function encodeEntryRow(stored: StoredEntry, numberOf: (candidate: Candidate) => number): Uint8Array {
  const { epoch, activeParameters, drawn, entry } = stored.checked;
  const { slotHash } = stored;
  return withChecksum(encode(entryRowCodec, { epoch, slotHash, activeParameters, drawn: drawn.map(numberOf), entry }));
}

/** Throws `STORE_FAILED` for a row that is not what was written. */
export function decodeEntryRow(
  row: { readonly entryHash: Hash; readonly bytes: Uint8Array },
  candidateOf: (number: number) => Candidate | undefined,
): StoredEntry {
  const { entryHash } = row;
  const { epoch, slotHash, activeParameters, drawn, entry } = decodeRow(entryRowCodec, row.bytes);
  const candidates = drawn.flatMap((number) => candidateOf(number) ?? []);
  if (candidates.length < drawn.length) throw damagedRow();
  return {
    entryHash,
    slotHash,
    checked: { entry, entryHash, epoch, drawn: candidates, agreeing: agreeingReceipts(entry), activeParameters },
  };
}

/** The entry's own bytes, which hash to `entryHash` (E-02): what a peer fetches. Throws `STORE_FAILED`. */
export function entryBytesOf(row: { readonly entryHash: Hash; readonly bytes: Uint8Array }): Uint8Array {
  const bytes = encode(entryCodec, decodeRow(entryRowCodec, row.bytes).entry);
  if (!equalBytes(hash(bytes), row.entryHash)) throw damagedRow();
  return bytes;
}

export function encodeVerdictRow({ arrivedSlot, signed }: StoredVerdict): Uint8Array {
  return withChecksum(encode(verdictRowCodec, { arrivedSlot, signed }));
}

/** Throws `STORE_FAILED` for a row that is not what was written. */
export function decodeVerdictRow(row: { readonly verdictHash: Hash; readonly bytes: Uint8Array }): StoredVerdict {
  return { verdictHash: row.verdictHash, ...decodeRow(verdictRowCodec, row.bytes) };
}

export function encodeSnapshot(groups: readonly CandidateGroup[]): Uint8Array {
  return withChecksum(encode(snapshotCodec, groups));
}

/** Throws `STORE_FAILED` for bytes that are not what was written. */
export function decodeSnapshot(bytes: Uint8Array): readonly CandidateGroup[] {
  return decodeRow(snapshotCodec, bytes);
}

const CHECKSUM_BYTES = 4;

/** SQLite finds a damaged tree, but not a flipped bit within a row: each begins with a CRC-32 of the rest. */
function withChecksum(fields: Uint8Array): Uint8Array {
  const row = new Uint8Array(CHECKSUM_BYTES + fields.length);
  new DataView(row.buffer).setUint32(0, crc32(fields), true);
  row.set(fields, CHECKSUM_BYTES);
  return row;
}

function decodeRow<T>(codec: Codec<T>, bytes: Uint8Array): T {
  const fields = bytes.subarray(CHECKSUM_BYTES);
  const sum = bytes.length < CHECKSUM_BYTES ? -1 : new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const value = crc32(fields) === sum ? tryDecode(codec, fields) : undefined;
  if (value === undefined) throw damagedRow();
  return value;
}

export function damagedRow(): KarmeshError {
  return new KarmeshError('STORE_FAILED', 'A row of an epoch is damaged; restore the data folder from a copy.');
}
