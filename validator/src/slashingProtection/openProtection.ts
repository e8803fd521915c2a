import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { KarmeshError } from '@karmesh/sdk/errors';
import {
  concatBytes,
  type Decoded,
  decode,
  encode,
  equalBytes,
  type Hash,
  hashCodec,
  reportCodec,
  type Signed,
  signedCodec,
  struct,
  toHex,
  u32,
  u64,
  type Verdict,
  verdictRecord,
} from '@karmesh/sdk/protocol';
import { openAppendLog, storeError } from '@karmesh/sdk/runtime';

const attestationCodec = struct({ epoch: u64, manifestHash: hashCodec, salt: hashCodec });
/** V-05: the manifest that this validator attests in an epoch, and the salt that it must reveal. */
export type Attestation = Decoded<typeof attestationCodec>;

const rootVoteCodec = struct({
  epoch: u64,
  attempt: u32,
  verdictsRoot: hashCodec,
  reportHash: hashCodec,
  report: reportCodec,
  salt: hashCodec,
});
/** V-23: the report that this validator seals for one list of verdicts, and what it needs to reveal it. */
export type RootVote = Decoded<typeof rootVoteCodec>;

const verdictCodec = signedCodec(verdictRecord);
const TAGS = { attestation: 1, rootVote: 2, verdict: 3 } as const;

/**
 * What this validator has ever put its name to. A record is on disk before the signature may leave, and a second, different one
 * is refused for good, across restarts and `kill -9`. Deleting the file is how a validator gets itself slashed.
 */
export interface Protection extends AsyncDisposable {
  attestation(epoch: bigint): Attestation | undefined;
  /** The latest epoch with an attestation, -1 before the first. */
  newestAttested(): bigint;
  rootVote(epoch: bigint, attempt: number): RootVote | undefined;
  verdict(key: VerdictKey): Signed<Verdict> | undefined;
  /** The verdicts of an epoch, to gossip again after a restart. */
  verdictsOf(epoch: bigint): readonly Signed<Verdict>[];
  /** V-05: one manifest per epoch, and epochs only forward. The same manifest again gives the first record, with its salt. */
  attest(wanted: Attestation): Promise<Attestation>;
  /** V-23: one report per epoch and attempt. The same report again gives the first record, with its salt. */
  sealRoot(wanted: RootVote): Promise<RootVote>;
  /** U-08: one verdict per epoch, entry and attempt. `sign` runs only for a new one; another verdict on the same key is refused. */
  signVerdict(wanted: { readonly verdict: Verdict; readonly sign: () => Signed<Verdict> }): Promise<Signed<Verdict>>;
}

export type VerdictKey = Pick<Verdict, 'epoch' | 'entryHash' | 'attempt'>;

function keyOf({ epoch, entryHash, attempt }: VerdictKey): string {
  return `${epoch} ${toHex(entryHash)} ${attempt}`;
}

/** @throws KarmeshError `STORE_FAILED` when the log is damaged before its end, `DISK_FULL`; every refusal is `SLASHING_PROTECTION`. */
export async function openProtection(path: string): Promise<Protection> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw storeError(path, cause);
  }
  const log = await openAppendLog({ path });
  const attestations = new Map<bigint, Attestation>();
  const rootVotes = new Map<string, RootVote>();
  const verdicts = new Map<string, Signed<Verdict>>();
  let newest = -1n;

  const applyAttestation = (row: Attestation): void => {
    attestations.set(row.epoch, row);
    if (row.epoch > newest) newest = row.epoch;
  };
  const applyRootVote = (row: RootVote): void => {
    rootVotes.set(`${row.epoch} ${row.attempt}`, row);
  };
  const applyVerdict = (row: Signed<Verdict>): void => {
    verdicts.set(keyOf(row.value), row);
  };
  try {
    for await (const bytes of log.read()) {
      const fields = bytes.subarray(1);
      if (bytes[0] === TAGS.attestation) applyAttestation(decode(attestationCodec, fields));
      else if (bytes[0] === TAGS.rootVote) applyRootVote(decode(rootVoteCodec, fields));
      else if (bytes[0] === TAGS.verdict) applyVerdict(decode(verdictCodec, fields));
      else throw new KarmeshError('STORE_FAILED', 'The protection log holds a record of an unknown kind.', { path });
    }
  } catch (cause) {
    await log.close();
    throw cause;
  }

  // One after the other: two calls for one key must not both find it free.
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const next = last.then(work, work);
    last = next;
    return next;
  };
  const write = (tag: number, fields: Uint8Array): Promise<void> =>
    log.append(concatBytes(new Uint8Array([tag]), fields));

  return {
    attestation: (epoch) => attestations.get(epoch),
    newestAttested: () => newest,
    rootVote: (epoch, attempt) => rootVotes.get(`${epoch} ${attempt}`),
    verdict: (key) => verdicts.get(keyOf(key)),
    verdictsOf: (epoch) => [...verdicts.values()].filter(({ value }) => value.epoch === epoch),
    attest: (wanted) =>
      inTurn(async () => {
        const before = attestations.get(wanted.epoch);
        if (before !== undefined) {
          if (equalBytes(before.manifestHash, wanted.manifestHash)) return before;
          throw refused(
            'This validator has attested another manifest of the epoch.',
            before.manifestHash,
            wanted.manifestHash,
            wanted.epoch,
          );
        }
        if (wanted.epoch < newest) {
          throw new KarmeshError('SLASHING_PROTECTION', 'This validator has attested a later epoch.', {
            epoch: wanted.epoch,
            newest,
          });
        }
        await write(TAGS.attestation, encode(attestationCodec, wanted));
        applyAttestation(wanted);
        return wanted;
      }),
    sealRoot: (wanted) =>
      inTurn(async () => {
        const before = rootVotes.get(`${wanted.epoch} ${wanted.attempt}`);
        if (before !== undefined) {
          if (equalBytes(before.reportHash, wanted.reportHash)) return before;
          throw refused(
            'This validator has sealed another report for these verdicts.',
            before.reportHash,
            wanted.reportHash,
            wanted.epoch,
          );
        }
        await write(TAGS.rootVote, encode(rootVoteCodec, wanted));
        applyRootVote(wanted);
        return wanted;
      }),
    signVerdict: ({ verdict, sign }) =>
      inTurn(async () => {
        const before = verdicts.get(keyOf(verdict));
        if (before !== undefined) {
          const same = equalBytes(encode(verdictRecord.fields, before.value), encode(verdictRecord.fields, verdict));
          if (same) return before;
          throw refused(
            'This validator has given another verdict on the answer.',
            before.value.entryHash,
            verdict.entryHash,
            verdict.epoch,
          );
        }
        const signed = sign();
        await write(TAGS.verdict, encode(verdictCodec, signed));
        applyVerdict(signed);
        return signed;
      }),
    async [Symbol.asyncDispose]() {
      await log.close();
    },
  };
}

function refused(sentence: string, before: Hash, wanted: Hash, epoch: bigint): KarmeshError {
  return new KarmeshError('SLASHING_PROTECTION', sentence, { epoch, before: toHex(before), wanted: toHex(wanted) });
}
