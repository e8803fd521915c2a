import { KarmeshError } from '@karmesh/sdk/errors';
import { equalBytes, type Hash, toHex } from '@karmesh/sdk/protocol';
import type { Imported } from './interchange.ts';
import type { AttestationRow, ProtectionOwner, ProtectionRow } from './protectionRows.ts';
import { bareRow, later, type ProtectionState, protectionState, type SignedRow } from './protectionState.ts';

/**
 * The log that holds what is held and what was imported, and signs nothing that either would refuse (V-25). A record that is held stays as it is; where one side
 * is closed to an epoch nothing is sent in it any more.
 *
 * @throws KarmeshError `SLASHING_PROTECTION` if two records contradict each other: then two processes have signed with one identity, and neither log may be used.
 */
export function mergeInterchange(
  held: ProtectionState,
  imported: Imported,
  owner: ProtectionOwner,
): readonly ProtectionRow[] {
  const closed = later(held.closedThrough(), imported.closed);
  const merged = protectionState(held.rows());
  const theirs = protectionState();
  for (const row of imported.rows) {
    const before = find(theirs, row) ?? find(merged, row);
    if (before === undefined) merged.apply(row);
    else checkSame(before, row);
    theirs.apply(row);
  }
  merged.apply({ kind: 'owner', ...owner });
  merged.apply({ kind: 'closed', ...closed });
  return merged.rows().map((row) => {
    if (row.kind === 'owner' || row.kind === 'closed') return row;
    const isPassed = row.kind === 'attestation' && (isPassedBy(held, row) || isPassedBy(theirs, row));
    return isPassed || row.epoch <= closed[row.kind] ? bareRow(row) : row;
  });
}

/** V-05: epochs go only forward, so that a side which attested a later epoch sends no earlier attestation but its own. */
function isPassedBy(state: ProtectionState, { epoch }: AttestationRow): boolean {
  return state.attestation(epoch) === undefined && epoch < state.newest().attestation;
}

function find(state: ProtectionState, row: SignedRow): SignedRow | undefined {
  switch (row.kind) {
    case 'attestation': {
      const found = state.attestation(row.epoch);
      return found && { ...found, kind: row.kind };
    }
    case 'rootVote': {
      const found = state.rootVote(row.epoch, row.attempt);
      return found && { ...found, kind: row.kind };
    }
    case 'verdict': {
      const found = state.verdict(row);
      return found && { ...found, kind: row.kind };
    }
  }
}

function checkSame(before: SignedRow, row: SignedRow): void {
  const [ours, theirs] = [signedHash(before), signedHash(row)];
  const salts = [saltOf(before), saltOf(row)] as const;
  const hasOtherSalt = salts[0] !== undefined && salts[1] !== undefined && !equalBytes(salts[0], salts[1]);
  if (equalBytes(ours, theirs) && !hasOtherSalt) return;
  throw new KarmeshError(
    'SLASHING_PROTECTION',
    'The file contradicts what is on record: two processes have signed with this identity. Nothing was imported.',
    {
      what: row.kind,
      epoch: row.epoch,
      ...('attempt' in row ? { attempt: row.attempt } : {}),
      onRecord: toHex(ours),
      inFile: toHex(theirs),
      otherSalt: hasOtherSalt,
    },
  );
}

function signedHash(row: SignedRow): Hash {
  if (row.kind === 'attestation') return row.manifestHash;
  return row.kind === 'rootVote' ? row.reportHash : row.verdictHash;
}

function saltOf(row: SignedRow): Hash | undefined {
  if (row.kind === 'attestation') return row.salt;
  return row.kind === 'rootVote' ? row.opening?.salt : undefined;
}
