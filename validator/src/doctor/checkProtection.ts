import { checkOwner } from '../slashingProtection/openProtection.ts';
import { peekProtectionLog, protectionPath } from '../slashingProtection/protectionLog.ts';
import type { ProtectionOwner } from '../slashingProtection/protectionRows.ts';
import { type Found, ok, warning } from './finding.ts';

/** Whether the protection log can be read and whose it is; `owner` is unknown while the cluster is. Throws `STORE_FAILED`, `SLASHING_PROTECTION`. */
export async function checkProtection(folder: string, owner: ProtectionOwner | undefined): Promise<Found> {
  const state = await peekProtectionLog(protectionPath(folder));
  if (state === undefined)
    return warning(
      'There is no protection log in the data folder.',
      'That is right for a new validator. One that has voted before moves its log here: see docs/guides/validator-care.md.',
    );
  if (owner !== undefined) checkOwner(state.owner(), owner);
  const { attestation, rootVote, verdict } = state.newest();
  const said = (epoch: bigint): string => (epoch < 0n ? 'none' : `epoch ${epoch}`);
  const whose = state.owner() === undefined || owner === undefined ? '' : ' and is this validator’s';
  return ok(
    `The protection log can be read${whose}: newest attestation ${said(attestation)}, root vote ${said(rootVote)}, verdict ${said(verdict)}.`,
  );
}
