import { KarmeshError } from '@karmesh/sdk/errors';
import { equalBytes, type Hash, toHex } from '@karmesh/sdk/protocol';
import type {
  AttestationRow,
  ClosedThrough,
  ProtectionOwner,
  ProtectionRow,
  RootVoteRow,
  VerdictRow,
} from './protectionRows.ts';

/** For how many epochs behind the newest one single records are kept. Duties look at 16; whatever is older is closed as a whole. */
export const KEPT_EPOCHS = 64n;

/** A record of something signed. */
export type SignedRow = Exclude<ProtectionRow, { readonly kind: 'owner' | 'closed' }>;

export const NOTHING_CLOSED: ClosedThrough = { attestation: -1n, rootVote: -1n, verdict: -1n };

export type VerdictKey = Pick<VerdictRow, 'epoch' | 'entryHash' | 'attempt'>;

/** What a validator has put its name to, in memory. Checks throw `SLASHING_PROTECTION`; only `apply` changes anything. */
export interface ProtectionState {
  owner(): ProtectionOwner | undefined;
  closedThrough(): ClosedThrough;
  attestation(epoch: bigint): AttestationRow | undefined;
  rootVote(epoch: bigint, attempt: number): RootVoteRow | undefined;
  verdict(key: VerdictKey): VerdictRow | undefined;
  verdicts(): Iterable<VerdictRow>;
  /** The latest epoch of each kind that is signed or closed, -1 before the first. */
  newest(): ClosedThrough;
  apply(row: ProtectionRow): void;
  /** V-05: the record that holds already, or undefined if the epoch is free. */
  checkAttestation(wanted: Omit<AttestationRow, 'salt'>): AttestationRow | undefined;
  /** V-23. */
  checkRootVote(wanted: Omit<RootVoteRow, 'opening'>): RootVoteRow | undefined;
  /** U-08. A record without a signature is no answer: the same verdict is signed again. */
  checkVerdict(wanted: Omit<VerdictRow, 'signed'>): VerdictRow | undefined;
  /** Everything, in the order in which a log is written: owner, closed epochs, then records by kind and epoch. */
  rows(): readonly ProtectionRow[];
  /** The rows after all but the newest epochs were closed as a whole (V-25): never looser, and bounded. */
  compactRows(): readonly ProtectionRow[];
}

/** The state that these rows come to. */
export function protectionState(rows: Iterable<ProtectionRow> = []): ProtectionState {
  let owner: ProtectionOwner | undefined;
  let closed = NOTHING_CLOSED;
  const attestations = new Map<bigint, AttestationRow>();
  const rootVotes = new Map<string, RootVoteRow>();
  const verdicts = new Map<string, VerdictRow>();
  let signed = NOTHING_CLOSED;

  const state: ProtectionState = {
    owner: () => owner,
    closedThrough: () => closed,
    attestation: (epoch) => attestations.get(epoch),
    rootVote: (epoch, attempt) => rootVotes.get(rootVoteKey({ epoch, attempt })),
    verdict: (key) => verdicts.get(verdictKey(key)),
    verdicts: () => verdicts.values(),
    newest: () => later(signed, closed),
    apply(row) {
      switch (row.kind) {
        case 'owner':
          owner = row;
          break;
        case 'closed':
          // What was closed once stays so, whatever stands in a later row.
          closed = later(closed, row);
          break;
        case 'attestation':
          attestations.set(row.epoch, row);
          signed = later(signed, { ...NOTHING_CLOSED, attestation: row.epoch });
          break;
        case 'rootVote':
          rootVotes.set(rootVoteKey(row), row);
          signed = later(signed, { ...NOTHING_CLOSED, rootVote: row.epoch });
          break;
        case 'verdict':
          verdicts.set(verdictKey(row), row);
          signed = later(signed, { ...NOTHING_CLOSED, verdict: row.epoch });
          break;
      }
    },
    checkAttestation({ epoch, manifestHash }) {
      const before = attestations.get(epoch);
      if (before !== undefined && !equalBytes(before.manifestHash, manifestHash)) {
        const facts = { epoch, before: before.manifestHash, wanted: manifestHash };
        throw contradicted('This validator has attested another manifest of the epoch.', facts);
      }
      if (before?.salt !== undefined) return before;
      if (before !== undefined) throw sealedElsewhere('attestation', epoch);
      if (epoch <= closed.attestation) throw closedEpoch('attestation', { epoch, through: closed.attestation });
      const newest = state.newest().attestation;
      if (epoch < newest)
        throw new KarmeshError('SLASHING_PROTECTION', 'This validator has attested a later epoch.', { epoch, newest });
      return undefined;
    },
    checkRootVote({ epoch, attempt, reportHash }) {
      const before = rootVotes.get(rootVoteKey({ epoch, attempt }));
      if (before !== undefined && !equalBytes(before.reportHash, reportHash)) {
        const facts = { epoch, before: before.reportHash, wanted: reportHash };
        throw contradicted('This validator has sealed another report for these verdicts.', facts);
      }
      if (before?.opening !== undefined) return before;
      if (before !== undefined) throw sealedElsewhere('root vote', epoch);
      if (epoch <= closed.rootVote) throw closedEpoch('root vote', { epoch, through: closed.rootVote });
      return undefined;
    },
    checkVerdict(wanted) {
      const { epoch, verdictHash } = wanted;
      const before = verdicts.get(verdictKey(wanted));
      if (before !== undefined && !equalBytes(before.verdictHash, verdictHash)) {
        const facts = { epoch, before: before.verdictHash, wanted: verdictHash };
        throw contradicted('This validator has given another verdict on the answer.', facts);
      }
      if (before?.signed !== undefined) return before;
      if (epoch <= closed.verdict) throw closedEpoch('verdict', { epoch, through: closed.verdict });
      return before;
    },
    rows: () => [
      ...(owner === undefined ? [] : [{ kind: 'owner', ...owner } as const]),
      { kind: 'closed', ...closed },
      ...byEpoch(attestations.values()).map((row) => ({ ...row, kind: 'attestation' }) as const),
      ...byEpoch(rootVotes.values()).map((row) => ({ ...row, kind: 'rootVote' }) as const),
      ...byEpoch(verdicts.values()).map((row) => ({ ...row, kind: 'verdict' }) as const),
    ],
    compactRows() {
      const { attestation, rootVote, verdict } = state.newest();
      const newest = [attestation, rootVote, verdict].reduce(max);
      const through = newest - KEPT_EPOCHS;
      const dropped = later(closed, { attestation: through, rootVote: through, verdict: through });
      return state.rows().flatMap((row): readonly ProtectionRow[] => {
        if (row.kind === 'owner') return [row];
        if (row.kind === 'closed') return [{ kind: 'closed', ...dropped }];
        if (row.epoch <= through) return [];
        // What only binds says nothing more in an epoch that is closed.
        const isBare = row.epoch <= dropped[row.kind] && !canBeSent(row);
        return isBare ? [] : [row];
      });
    },
  };
  for (const row of rows) state.apply(row);
  return state;
}

/** Whether the record holds all that is needed to send it again. */
export function canBeSent(row: SignedRow): boolean {
  if (row.kind === 'attestation') return row.salt !== undefined;
  return row.kind === 'rootVote' ? row.opening !== undefined : row.signed !== undefined;
}

/** Those of the rows that could be sent in a closed epoch, without what it takes to send them. */
export function bareRows(rows: readonly ProtectionRow[], closed: ClosedThrough): readonly SignedRow[] {
  return rows.flatMap((row) => {
    if (row.kind === 'owner' || row.kind === 'closed' || row.epoch > closed[row.kind] || !canBeSent(row)) return [];
    return [bareRow(row)];
  });
}

/** A record that only binds. */
export function bareRow(row: SignedRow): SignedRow {
  if (row.kind === 'attestation') return { ...row, salt: undefined };
  return row.kind === 'rootVote' ? { ...row, opening: undefined } : { ...row, signed: undefined };
}

/** Whichever is later of each kind. */
export function later(one: ClosedThrough, other: ClosedThrough): ClosedThrough {
  return {
    attestation: max(one.attestation, other.attestation),
    rootVote: max(one.rootVote, other.rootVote),
    verdict: max(one.verdict, other.verdict),
  };
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

export function rootVoteKey({ epoch, attempt }: Pick<RootVoteRow, 'epoch' | 'attempt'>): string {
  return `${epoch} ${attempt}`;
}

export function verdictKey({ epoch, entryHash, attempt }: VerdictKey): string {
  return `${epoch} ${toHex(entryHash)} ${attempt}`;
}

function byEpoch<R extends { readonly epoch: bigint }>(rows: Iterable<R>): readonly R[] {
  return [...rows].sort((a, b) => (a.epoch < b.epoch ? -1 : a.epoch > b.epoch ? 1 : 0));
}

function contradicted(
  sentence: string,
  { epoch, before, wanted }: { readonly epoch: bigint; readonly before: Hash; readonly wanted: Hash },
): KarmeshError {
  return new KarmeshError('SLASHING_PROTECTION', sentence, { epoch, before: toHex(before), wanted: toHex(wanted) });
}

function sealedElsewhere(what: string, epoch: bigint): KarmeshError {
  return new KarmeshError(
    'SLASHING_PROTECTION',
    'This was signed elsewhere and came without its salt, so that it cannot be sent from here.',
    { what, epoch },
  );
}

function closedEpoch(what: string, facts: { readonly epoch: bigint; readonly through: bigint }): KarmeshError {
  return new KarmeshError(
    'SLASHING_PROTECTION',
    'Something unknown may have been signed in this epoch, so that nothing more is.',
    { what, epoch: facts.epoch, closedThrough: facts.through, firstOpenEpoch: facts.through + 1n },
  );
}
