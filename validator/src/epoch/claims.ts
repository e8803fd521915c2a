import { programErrorName } from '@karmesh/sdk/program';
import { toHex, ZERO_HASH } from '@karmesh/sdk/protocol';
import type { EpochFacts, ParticipantFacts } from '../chain/chainReader.ts';
import type { Claim } from '../chain/chainWriter.ts';
import type { RunDuty } from './dutyParts.ts';
import type { Ledger } from './ledger.ts';

/** How long the validators after the first leave a claim to it, each for the one before. */
const CLAIM_TURN_SLOTS = 8n;

/** P-21: the claims of the last report that have something to bring, of those participants whose turn of this validator has come. */
export function dueClaims(state: {
  readonly ledger: Ledger;
  readonly participants: readonly ParticipantFacts[];
  readonly account: EpochFacts;
  readonly roleOrdinal: number;
  readonly slot: bigint;
  /** From when on claims of the epoch are possible. */
  readonly fromSlot: bigint;
}): readonly Claim[] {
  const { last } = state.ledger;
  const { epoch, validatorCount } = state.account;
  if (last === undefined || last.epoch !== epoch || validatorCount === 0) return [];
  const accounts = new Map(state.participants.map((one) => [toHex(one.address), one]));
  return last.body.lifetimes.flatMap((row): Claim[] => {
    const account = accounts.get(toHex(row.participant));
    if (account === undefined) return [];
    const grew = row.karma.some((part, i) => part > (account.lifetime[i] ?? 0n)) || row.owed > account.lifetimePaid;
    const count = BigInt(validatorCount);
    const turn = (((BigInt(state.roleOrdinal) - BigInt(row.index) - epoch) % count) + count) % count;
    if (!grew || state.slot < state.fromSlot + turn * CLAIM_TURN_SLOTS) return [];
    return [
      {
        epoch,
        participant: row.participant,
        owner: account.owner,
        index: row.index,
        lifetime: row.karma,
        lifetimeOwed: row.owed,
        receiptsRoot: last.trees.credits.get(toHex(row.participant))?.root.hash ?? ZERO_HASH,
        path: last.trees.claims.path(row.index),
      },
    ];
  });
}

/** P-21: cranks the claims that are this validator's turn. The owners are paid, whoever sends them. */
export const claimDue =
  (due: () => readonly Claim[]): RunDuty =>
  async ({ writer, log }, { epoch }, { signal }) => {
    for (const claim of due()) {
      try {
        const signature = await writer.claim(claim, { signal });
        log.info({ epoch: epoch.toString(), participant: toHex(claim.participant), signature }, 'A claim was cranked.');
      } catch (error) {
        // Somebody else was faster, or the participant itself.
        const name = programErrorName(error);
        if (name !== 'AlreadyClaimed' && name !== 'StaleRoot') throw error;
      }
    }
    return 'done';
  };
