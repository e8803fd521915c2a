import { programErrorName, VOTE_FLAG, type VoteAccount } from '@karmesh/sdk/program';
import { type Hash, type Participant, toHex } from '@karmesh/sdk/protocol';
import type { BringParts } from './bringParts.ts';
import { EVIDENCE_COSTS } from './evidenceCosts.ts';

/** Whom a finding blames, and for what. */
export interface Blame {
  /** The finding's. */
  readonly number: bigint;
  readonly epoch: bigint;
  readonly offenceKey: Hash;
  readonly isVoteFor: (vote: VoteAccount) => boolean;
  readonly accuse: (validator: Participant) => Promise<void>;
}

/** P-47, P-48, P-50: files a case against each voter that is to blame and has none. False if the budget ended before. */
export async function accuseVoters(
  parts: Pick<BringParts, 'chain' | 'budget' | 'filed' | 'log' | 'onStage'>,
  { number, epoch, offenceKey, isVoteFor, accuse }: Blame,
  { signal }: { readonly signal: AbortSignal },
): Promise<boolean> {
  const { chain, budget, filed, log } = parts;
  for (const { validator, flags } of (await chain.votes(epoch, { signal })).filter(isVoteFor)) {
    const name = `${number} ${toHex(validator)}`;
    if (filed.has(name)) continue;
    // The flag tells of some offence in the epoch: it may be another one than this.
    if ((flags & VOTE_FLAG.accused) !== 0 && (await chain.offenceCase(validator, offenceKey, { signal }))) {
      if (filed.size > 4096) filed.clear();
      filed.add(name);
      continue;
    }
    if (!budget.take(EVIDENCE_COSTS.accuse)) return false;
    try {
      await accuse(validator);
    } catch (error) {
      // Another accused it in the same slot, or for another fault of its report.
      if (programErrorName(error) !== 'AlreadyInitialised') throw error;
      continue;
    }
    const about = { finding: number.toString(), epoch: epoch.toString(), validator: toHex(validator) };
    log.info(about, 'A validator was accused of its vote.');
    parts.onStage?.('evidence:accused', { epoch });
  }
  return true;
}
