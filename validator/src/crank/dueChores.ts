import { type Now, voteEndsAt } from '@karmesh/sdk/participant/staking';
import {
  type BallotAccount,
  type ConfigAccount,
  type EpochAccount,
  NONE,
  type ProposalAccount,
  type VoteAccount,
} from '@karmesh/sdk/program';
import { epochOfSlot, equalBytes, firstSlotOfEpoch, toHex } from '@karmesh/sdk/protocol';
import { proposalState } from '../governance/proposalState.ts';

/** Something that anyone may send, and that nobody is bound to: it brings rent home, pays, or does what was voted for. */
export type Chore =
  | { readonly kind: 'executeProposal'; readonly proposal: ProposalAccount }
  | { readonly kind: 'closeVote'; readonly vote: VoteAccount }
  | { readonly kind: 'closeEpochAccount'; readonly epoch: EpochAccount }
  | { readonly kind: 'closeProposal'; readonly proposal: ProposalAccount }
  | { readonly kind: 'closeBallot'; readonly ballot: BallotAccount };

/** What chores follow from. */
export interface ChoreState {
  readonly now: Now;
  readonly config: Pick<ConfigAccount, 'parameters' | 'changes' | 'lastFinalisedEpoch' | 'validatorCount'>;
  readonly roleOrdinal: number;
  /** The identities of this validator, the newest and those before, as far as they are known: whose rent is its own. */
  readonly identities: readonly Uint8Array[];
  readonly votes: readonly { readonly vote: VoteAccount; readonly epoch: EpochAccount | undefined }[];
  /** Whose rent this validator paid. */
  readonly epochs: readonly EpochAccount[];
  /** Of the epochs above that could be ended but for their votes: those votes, of whomever. */
  readonly votesOfOld: readonly VoteAccount[];
  /** All of them. */
  readonly proposals: readonly ProposalAccount[];
  /** This validator's. */
  readonly ballots: readonly BallotAccount[];
}

/** P-51: an epoch's account stays until so many later ones lie behind it. */
const KEPT_EPOCHS = 64n;

/** Slots that each validator leaves the one before it to execute a proposal. */
const TURN_SLOTS = 16n;

/** P-51: whether the account of an epoch may end, once its votes have. */
export function isOld(
  { epoch }: EpochAccount,
  { lastFinalisedEpoch }: Pick<ConfigAccount, 'lastFinalisedEpoch'>,
): boolean {
  return lastFinalisedEpoch !== NONE && lastFinalisedEpoch >= epoch + KEPT_EPOCHS;
}

/** What is due now. A pure function; nothing in it is refused but where somebody else was faster. */
export function dueChores(state: ChoreState): readonly Chore[] {
  const { now, config } = state;
  const current = epochOfSlot(now, now.slot);
  if (current === undefined) return [];
  const isMine = (payer: Uint8Array): boolean => state.identities.some((one) => equalBytes(one, payer));
  const isOver = (proposal: ProposalAccount): boolean =>
    ['executed', 'over'].includes(proposalState(proposal, current));
  const byAddress = new Map(state.proposals.map((one) => [toHex(one.address), one]));
  const votes = state.votes.flatMap(({ vote, epoch }): Chore[] => {
    const endsAt = epoch === undefined ? undefined : voteEndsAt(epoch, config, now);
    return endsAt !== undefined && now.slot >= endsAt ? [{ kind: 'closeVote', vote }] : [];
  });
  return [
    ...state.proposals.flatMap((proposal): Chore[] =>
      proposalState(proposal, current) === 'executable' && isMyTurn(state, proposal)
        ? [{ kind: 'executeProposal', proposal }]
        : [],
    ),
    ...votes,
    ...state.votesOfOld.map((vote): Chore => ({ kind: 'closeVote', vote })),
    ...state.epochs.flatMap((epoch): Chore[] =>
      epoch.openVotes === 0 && isOld(epoch, config) ? [{ kind: 'closeEpochAccount', epoch }] : [],
    ),
    ...state.ballots.flatMap((ballot): Chore[] => {
      const proposal = byAddress.get(toHex(ballot.proposal));
      // P-36: another proposal at its address, of another epoch, is not what it was for.
      return proposal === undefined || proposal.epoch !== ballot.epoch || isOver(proposal)
        ? [{ kind: 'closeBallot', ballot }]
        : [];
    }),
    ...state.proposals.flatMap((proposal): Chore[] =>
      isMine(proposal.payer) && isOver(proposal) && current > proposal.epoch
        ? [{ kind: 'closeProposal', proposal }]
        : [],
    ),
  ];
}

/** Validators take turns from the first slot on in which it can be executed, so that they do not all pay. */
function isMyTurn({ now, config, roleOrdinal }: ChoreState, { executableFromEpoch }: ProposalAccount): boolean {
  const count = BigInt(config.validatorCount);
  if (count === 0n) return false;
  const rank = (((BigInt(roleOrdinal) - executableFromEpoch) % count) + count) % count;
  return now.slot >= firstSlotOfEpoch(now, executableFromEpoch) + rank * TURN_SLOTS;
}
