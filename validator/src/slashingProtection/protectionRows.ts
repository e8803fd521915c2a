import { KarmeshError } from '@karmesh/sdk/errors';
import {
  type Codec,
  concatBytes,
  type Decoded,
  type Domain,
  decode,
  encode,
  type Hash,
  hashCodec,
  type Report,
  reportCodec,
  type Signed,
  signedCodec,
  struct,
  u8,
  u32,
  u64,
  type Verdict,
  verdictRecord,
} from '@karmesh/sdk/protocol';

/** Whose a protection log is: a validator by its participant's address, on one cluster and program. The identity may rotate. */
export interface ProtectionOwner {
  readonly genesis: Hash;
  readonly programId: Uint8Array;
  readonly participant: Uint8Array;
  readonly identity: Uint8Array;
}

/**
 * The epochs through which nothing new is signed, of each kind; -1 for none. What was signed in them is no longer known, or was signed by another
 * process, so that anything might contradict it (V-25).
 */
export interface ClosedThrough {
  readonly attestation: bigint;
  readonly rootVote: bigint;
  readonly verdict: bigint;
}

/** V-05. Without its salt an attestation binds and cannot be sent or revealed. */
export interface AttestationRow {
  readonly epoch: bigint;
  readonly manifestHash: Hash;
  readonly salt: Hash | undefined;
}

/** V-23. Without what opens it a root vote binds and cannot be sent or revealed. */
export interface RootVoteRow {
  readonly epoch: bigint;
  readonly attempt: number;
  readonly verdictsRoot: Hash;
  readonly reportHash: Hash;
  readonly opening: { readonly report: Report; readonly salt: Hash } | undefined;
}

/** U-08. Without its signature a verdict binds; the same one may be signed again, which gives the same bytes. */
export interface VerdictRow {
  readonly epoch: bigint;
  readonly entryHash: Hash;
  readonly attempt: number;
  /** What is signed: the hash of the record (F-31). */
  readonly verdictHash: Hash;
  readonly signed: Signed<Verdict> | undefined;
}

/** One record of the protection log. */
export type ProtectionRow =
  | ({ readonly kind: 'owner' } & ProtectionOwner)
  | ({ readonly kind: 'closed' } & ClosedThrough)
  | ({ readonly kind: 'attestation' } & AttestationRow)
  | ({ readonly kind: 'rootVote' } & RootVoteRow)
  | ({ readonly kind: 'verdict' } & VerdictRow);

const TAGS = {
  attestation: 1,
  rootVote: 2,
  verdict: 3,
  owner: 4,
  closed: 5,
  boundAttestation: 6,
  boundRootVote: 7,
  boundVerdict: 8,
} as const;

const attestationCodec = struct({ epoch: u64, manifestHash: hashCodec, salt: hashCodec });
const rootVoteCodec = struct({
  epoch: u64,
  attempt: u32,
  verdictsRoot: hashCodec,
  reportHash: hashCodec,
  report: reportCodec,
  salt: hashCodec,
});
const verdictCodec = signedCodec(verdictRecord);
const ownerCodec = struct({ genesis: hashCodec, programId: hashCodec, participant: hashCodec, identity: hashCodec });
/** The first epochs that are open, since -1 is no u64. */
const openFromCodec = struct({ attestation: u64, rootVote: u64, verdict: u64 });
const boundAttestationCodec = struct({ epoch: u64, manifestHash: hashCodec });
const boundRootVoteCodec = struct({ epoch: u64, attempt: u32, verdictsRoot: hashCodec, reportHash: hashCodec });
const boundVerdictCodec = struct({ epoch: u64, entryHash: hashCodec, attempt: u8, verdictHash: hashCodec });

function tagged<T>(tag: number, codec: Codec<T>, value: T): Uint8Array {
  return concatBytes(new Uint8Array([tag]), encode(codec, value));
}

/** A row as the log holds it: a tag, then its fields. */
export function encodeProtectionRow(row: ProtectionRow): Uint8Array {
  switch (row.kind) {
    case 'owner':
      return tagged(TAGS.owner, ownerCodec, row);
    case 'closed':
      return tagged(TAGS.closed, openFromCodec, {
        attestation: row.attestation + 1n,
        rootVote: row.rootVote + 1n,
        verdict: row.verdict + 1n,
      });
    case 'attestation':
      return row.salt === undefined
        ? tagged(TAGS.boundAttestation, boundAttestationCodec, row)
        : tagged(TAGS.attestation, attestationCodec, { ...row, salt: row.salt });
    case 'rootVote':
      return row.opening === undefined
        ? tagged(TAGS.boundRootVote, boundRootVoteCodec, row)
        : tagged(TAGS.rootVote, rootVoteCodec, { ...row, ...row.opening });
    case 'verdict':
      return row.signed === undefined
        ? tagged(TAGS.boundVerdict, boundVerdictCodec, row)
        : tagged(TAGS.verdict, verdictCodec, row.signed);
  }
}

/** Verdicts as rows know them. */
export function verdictRow(domain: Domain, signed: Signed<Verdict>): VerdictRow {
  const { epoch, entryHash, attempt } = signed.value;
  return { epoch, entryHash, attempt, verdictHash: verdictRecord.hash(domain, signed.value), signed };
}

/** @throws KarmeshError `CODEC`, or `STORE_FAILED` for a kind that this version does not know. `domain` is what verdicts were signed under. */
export function decodeProtectionRow(bytes: Uint8Array, domain: () => Domain): ProtectionRow {
  const fields = bytes.subarray(1);
  switch (bytes[0]) {
    case TAGS.attestation:
      return { kind: 'attestation', ...decode(attestationCodec, fields) };
    case TAGS.rootVote:
      return rootVoteRow(decode(rootVoteCodec, fields));
    case TAGS.verdict:
      return { kind: 'verdict', ...verdictRow(domain(), decode(verdictCodec, fields)) };
    case TAGS.owner:
      return { kind: 'owner', ...decode(ownerCodec, fields) };
    case TAGS.closed: {
      const from = decode(openFromCodec, fields);
      return {
        kind: 'closed',
        attestation: from.attestation - 1n,
        rootVote: from.rootVote - 1n,
        verdict: from.verdict - 1n,
      };
    }
    case TAGS.boundAttestation:
      return { kind: 'attestation', ...decode(boundAttestationCodec, fields), salt: undefined };
    case TAGS.boundRootVote:
      return { kind: 'rootVote', ...decode(boundRootVoteCodec, fields), opening: undefined };
    case TAGS.boundVerdict:
      return { kind: 'verdict', ...decode(boundVerdictCodec, fields), signed: undefined };
    default:
      throw new KarmeshError('STORE_FAILED', 'The protection log holds a record of an unknown kind.', {
        tag: bytes[0],
      });
  }
}

function rootVoteRow(row: Decoded<typeof rootVoteCodec>): ProtectionRow {
  const { epoch, attempt, verdictsRoot, reportHash, report, salt } = row;
  return { kind: 'rootVote', epoch, attempt, verdictsRoot, reportHash, opening: { report, salt } };
}
