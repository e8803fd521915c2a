import { type ErrorFacts, KarmeshError } from '@karmesh/sdk/errors';
import { momentOf, momentText, type OpenCluster } from '@karmesh/sdk/participant/staking';
import type { ParticipantAccount, ProposalAccount } from '@karmesh/sdk/program';
import { firstSlotOfEpoch, weightIn } from '@karmesh/sdk/protocol';
import { executableUntil, proposalState, sharesOf, votesUntil } from './proposalState.ts';

/** What the ledger would refuse of a vote, said before anything is signed. */
export function voteRefused(sentence: string, facts: ErrorFacts = {}): KarmeshError {
  return new KarmeshError('VOTE_REFUSED', sentence, facts);
}

/** The epoch that runs. Throws `VOTE_REFUSED` before epoch 0: nobody votes then. */
export function runningEpoch({ epoch }: Pick<OpenCluster, 'epoch'>): bigint {
  if (epoch === undefined) throw voteRefused('The cluster has not begun its first epoch, so that nobody votes yet.');
  return epoch;
}

/** P-36: throws `VOTE_REFUSED` unless the validator has a weight in the epoch. */
export function checkWeight({ weights }: Pick<ParticipantAccount, 'weights'>, epoch: bigint): void {
  const weight = weightIn(weights, epoch);
  if (weight === undefined)
    throw voteRefused('The weight of this validator in the proposal’s epoch is forgotten.', { epoch });
  if (weight === 0n)
    throw voteRefused('This validator had no weight in the epoch whose validators are asked.', { epoch });
}

/** P-36: throws `VOTE_REFUSED` for a proposal that takes no more votes. */
export function checkTakesVotes(proposal: ProposalAccount, current: bigint): void {
  const state = proposalState(proposal, current);
  if (state === 'open') return;
  throw voteRefused(
    state === 'over' ? 'The vote is over; the proposal did not pass in time.' : 'The proposal has passed already.',
    { state, votesUntilEpoch: votesUntil(proposal), epoch: current },
  );
}

/** P-36: throws `VOTE_REFUSED` for a proposal that cannot be executed now, and says from when on. */
export function checkExecutable(proposal: ProposalAccount, { now, ...cluster }: OpenCluster): void {
  const current = runningEpoch(cluster);
  const { yesBps, passesAboveBps } = sharesOf(proposal);
  switch (proposalState(proposal, current)) {
    case 'executable':
      return;
    case 'open':
      throw voteRefused('The proposal has not passed yet.', { yesBps, passesAboveBps });
    case 'locked':
      throw voteRefused('The time lock of the proposal has not run out.', {
        from: momentText(momentOf(now, firstSlotOfEpoch(now, proposal.executableFromEpoch))),
      });
    case 'executed':
      throw voteRefused('The proposal was executed already.');
    case 'over':
      throw voteRefused('The proposal was not executed in time, or never passed.', {
        untilEpoch: proposal.passedEpoch > current ? votesUntil(proposal) : executableUntil(proposal),
        epoch: current,
      });
  }
}
