import { KarmeshError } from '@karmesh/sdk/errors';
import { toBase58 } from '@karmesh/sdk/program';
import {
  type Domain,
  equalBytes,
  type Hash,
  makeDomain,
  type Report,
  type Signed,
  type Verdict,
  verdictRecord,
} from '@karmesh/sdk/protocol';
import type { Logger } from '@karmesh/sdk/runtime';
import { openProtectionLog, replaceProtectionLog } from './protectionLog.ts';
import {
  type ClosedThrough,
  encodeProtectionRow,
  type ProtectionOwner,
  type ProtectionRow,
  verdictRow,
} from './protectionRows.ts';
import { bareRows, later, type VerdictKey } from './protectionState.ts';

/** V-05: the manifest that this validator attests in an epoch, and the salt that it must reveal. */
export interface Attestation {
  readonly epoch: bigint;
  readonly manifestHash: Hash;
  readonly salt: Hash;
}

/** V-23: the report that this validator seals for one list of verdicts, and what it needs to reveal it. */
export interface RootVote {
  readonly epoch: bigint;
  readonly attempt: number;
  readonly verdictsRoot: Hash;
  readonly reportHash: Hash;
  readonly report: Report;
  readonly salt: Hash;
}

export interface ProtectionOptions {
  readonly path: string;
  readonly owner: ProtectionOwner;
  /** How many records the log may hold before it is written anew without those of old epochs (V-25); 8,192 unless told, and twice what is left. */
  readonly compactAt?: number;
  readonly log?: Pick<Logger, 'info' | 'warn'> | undefined;
}

/**
 * What this validator has ever put its name to. A record is on disk before the signature may leave, and a second, different one
 * is refused for good, across restarts and `kill -9`. Deleting the file is how a validator gets itself slashed.
 */
export interface Protection extends AsyncDisposable {
  /** Whether nothing was ever signed or closed here. */
  isEmpty(): boolean;
  /** How many records the log holds. */
  records(): number;
  /** An attestation that can be sent and revealed. */
  attestation(epoch: bigint): Attestation | undefined;
  /** The latest epoch with an attestation, or that is closed to them; -1 before the first. */
  newestAttested(): bigint;
  /** A root vote that can be sent and revealed. */
  rootVote(epoch: bigint, attempt: number): RootVote | undefined;
  /** Whether a report may be sealed for the epoch and attempt: it is free, or its vote can be sent again. */
  maySeal(epoch: bigint, attempt: number): boolean;
  verdict(key: VerdictKey): Signed<Verdict> | undefined;
  /** Whether some verdict on the answer may be signed. */
  mayJudge(key: VerdictKey): boolean;
  /** The verdicts of an epoch, to gossip again after a restart. */
  verdictsOf(epoch: bigint): readonly Signed<Verdict>[];
  /** Whether the log holds an act of this validator, or is closed to its epoch, so that it is no news (V-26). */
  accountsFor(act: SignedAct): boolean;
  /** V-05: one manifest per epoch, and epochs only forward. The same manifest again gives the first record, with its salt. */
  attest(wanted: Attestation): Promise<Attestation>;
  /** V-23: one report per epoch and attempt. The same report again gives the first record, with its salt. */
  sealRoot(wanted: RootVote): Promise<RootVote>;
  /** U-08: one verdict per epoch, entry and attempt. `sign` runs only for a new one; another verdict on the same key is refused. */
  signVerdict(wanted: { readonly verdict: Verdict; readonly sign: () => Signed<Verdict> }): Promise<Signed<Verdict>>;
  /** V-25: signs and sends nothing more in the epochs through these. What was closed before stays closed. */
  close(through: ClosedThrough): Promise<void>;
}

/** Something signed with this validator's identity, as others show it. */
export type SignedAct =
  | { readonly kind: 'attestation'; readonly epoch: bigint; readonly isOurs: (attestation: Attestation) => boolean }
  | {
      readonly kind: 'rootVote';
      readonly epoch: bigint;
      readonly attempt: number;
      readonly isOurs: (vote: RootVote) => boolean;
    }
  | { readonly kind: 'verdict'; readonly verdict: Verdict };

const COMPACT_AT = 8_192;

/**
 * @throws KarmeshError `STORE_FAILED` when the log is damaged before its end, `DISK_FULL`; `SLASHING_PROTECTION` when it is another validator's or of another
 * cluster, as every later refusal.
 */
export async function openProtection(options: ProtectionOptions): Promise<Protection> {
  const { path, owner, compactAt = COMPACT_AT } = options;
  const domain: Domain = makeDomain({ genesisHash: owner.genesis, programId: owner.programId });
  const opened = await openProtectionLog(path, owner);
  let { log, state } = opened;
  let compactNext = compactAt;

  const write = async (row: ProtectionRow): Promise<void> => {
    await log.append(encodeProtectionRow(row));
    state.apply(row);
    if (log.records >= compactNext) await compact();
  };

  /** Keeps the log from growing without end. What was acknowledged is on disk already, so that a failure costs nothing but room. */
  async function compact(): Promise<void> {
    const rows = state.compactRows();
    const before = log.records;
    compactNext = Math.max(compactAt, 2 * rows.length, before + 1);
    if (rows.length * 4 > before * 3) return;
    try {
      await replaceProtectionLog(path, rows);
    } catch (err) {
      compactNext = before * 2;
      options.log?.warn({ err, records: before }, 'The protection log could not be made smaller.');
      return;
    }
    // A log that is open still writes to the file that was replaced.
    await log.close();
    ({ log, state } = await openProtectionLog(path, owner));
    compactNext = Math.max(compactAt, 2 * rows.length);
    options.log?.info({ before, after: log.records }, 'The protection log was made smaller.');
  }

  try {
    checkOwner(state.owner(), owner);
    const known = state.owner();
    if (known === undefined || !equalBytes(known.identity, owner.identity)) await write({ kind: 'owner', ...owner });
    if (log.records >= compactNext) await compact();
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

  const attestation = (epoch: bigint): Attestation | undefined => {
    const row = state.attestation(epoch);
    if (row?.salt === undefined) return undefined;
    return { epoch, manifestHash: row.manifestHash, salt: row.salt };
  };
  const rootVote = (epoch: bigint, attempt: number): RootVote | undefined => {
    const row = state.rootVote(epoch, attempt);
    if (row?.opening === undefined) return undefined;
    return { epoch, attempt, verdictsRoot: row.verdictsRoot, reportHash: row.reportHash, ...row.opening };
  };

  return {
    isEmpty: () => {
      const { attestation: a, rootVote: r, verdict: v } = state.newest();
      return a < 0n && r < 0n && v < 0n;
    },
    records: () => log.records,
    attestation,
    newestAttested: () => state.newest().attestation,
    rootVote,
    maySeal: (epoch, attempt) =>
      rootVote(epoch, attempt) !== undefined ||
      (state.rootVote(epoch, attempt) === undefined && epoch > state.closedThrough().rootVote),
    verdict: (key) => state.verdict(key)?.signed,
    mayJudge: (key) => state.verdict(key)?.signed !== undefined || key.epoch > state.closedThrough().verdict,
    verdictsOf: (epoch) => [...state.verdicts()].flatMap((row) => (row.epoch === epoch ? (row.signed ?? []) : [])),
    accountsFor(act) {
      const closed = state.closedThrough();
      if (act.kind === 'attestation') {
        const full = attestation(act.epoch);
        if (full !== undefined) return act.isOurs(full);
        return act.epoch <= closed.attestation || state.attestation(act.epoch) !== undefined;
      }
      if (act.kind === 'rootVote') {
        const full = rootVote(act.epoch, act.attempt);
        if (full !== undefined) return act.isOurs(full);
        return act.epoch <= closed.rootVote || state.rootVote(act.epoch, act.attempt) !== undefined;
      }
      const row = state.verdict(act.verdict);
      if (row === undefined) return act.verdict.epoch <= closed.verdict;
      return equalBytes(row.verdictHash, verdictRecord.hash(domain, act.verdict));
    },
    attest: (wanted) =>
      inTurn(async () => {
        if (state.checkAttestation(wanted) === undefined) await write({ kind: 'attestation', ...wanted });
        return attestation(wanted.epoch) ?? wanted;
      }),
    sealRoot: (wanted) =>
      inTurn(async () => {
        const { report, salt, ...row } = wanted;
        if (state.checkRootVote(row) === undefined)
          await write({ kind: 'rootVote', ...row, opening: { report, salt } });
        return rootVote(wanted.epoch, wanted.attempt) ?? wanted;
      }),
    signVerdict: ({ verdict, sign }) =>
      inTurn(async () => {
        const { epoch, entryHash, attempt } = verdict;
        const before = state.checkVerdict({
          epoch,
          entryHash,
          attempt,
          verdictHash: verdictRecord.hash(domain, verdict),
        });
        if (before?.signed !== undefined) return before.signed;
        const signed = sign();
        await write({ kind: 'verdict', ...verdictRow(domain, signed) });
        return signed;
      }),
    close: (through) =>
      inTurn(async () => {
        const closed = later(state.closedThrough(), through);
        const rows = bareRows(state.rows(), closed);
        for (const row of rows) await write(row);
        await write({ kind: 'closed', ...closed });
      }),
    async [Symbol.asyncDispose]() {
      await last.catch(() => undefined);
      await log.close();
    },
  };
}

/** V-25: a log of another validator, cluster or program says nothing of this one. */
export function checkOwner(found: ProtectionOwner | undefined, expected: ProtectionOwner): void {
  if (found === undefined) return;
  if (!equalBytes(found.genesis, expected.genesis) || !equalBytes(found.programId, expected.programId)) {
    throw new KarmeshError('SLASHING_PROTECTION', 'The protection log is of another cluster or program.', {
      genesis: toBase58(found.genesis),
      programId: toBase58(found.programId),
      expectedGenesis: toBase58(expected.genesis),
      expectedProgramId: toBase58(expected.programId),
    });
  }
  if (!equalBytes(found.participant, expected.participant)) {
    throw new KarmeshError('SLASHING_PROTECTION', 'The protection log is another validator’s.', {
      participant: toBase58(found.participant),
      expected: toBase58(expected.participant),
    });
  }
}
