import { type ConfigAccount, NONE, PROPOSAL_KIND, type ProposalAccount, toBase58 } from '@karmesh/sdk/program';
import { CHAIN_PARAMETERS } from '@karmesh/sdk/protocol';

/** For how many epochs votes are taken, and a passed proposal can be executed (P-36); a pause can within eight (P-37). */
const OPEN_EPOCHS = 64n;
const MOST_PAUSE = 8n;

/** How a proposal stands: it takes votes, waits out its time lock, can be executed, was, or nothing can come of it any more. */
export type ProposalState = 'open' | 'locked' | 'executable' | 'executed' | 'over';

/** The last epoch in which a passed proposal can be executed. */
export function executableUntil({ kind, executableFromEpoch }: ProposalAccount): bigint {
  return executableFromEpoch + (kind === PROPOSAL_KIND.pause ? MOST_PAUSE : OPEN_EPOCHS);
}

/** The last epoch in which votes on it are taken. */
export function votesUntil({ epoch }: Pick<ProposalAccount, 'epoch'>): bigint {
  return epoch + OPEN_EPOCHS;
}

/** P-36, P-37. */
export function proposalState(proposal: ProposalAccount, current: bigint): ProposalState {
  if (proposal.executed !== 0) return 'executed';
  if (proposal.passedEpoch === NONE) return current <= votesUntil(proposal) ? 'open' : 'over';
  if (current < proposal.executableFromEpoch) return 'locked';
  return current <= executableUntil(proposal) ? 'executable' : 'over';
}

/** Parts of 10,000 of the stake that said yes, and that it passes with more than. */
export function sharesOf({ kind, yesStake, totalStake }: ProposalAccount): {
  readonly yesBps: number;
  readonly passesAboveBps: number;
} {
  return {
    yesBps: totalStake === 0n ? 0 : Number((yesStake * 10_000n) / totalStake),
    passesAboveBps: kind === PROPOSAL_KIND.pause ? 5_000 : 6_666,
  };
}

/** What a proposal asks for. */
export function askedOf(
  { kind, index, value, recipient }: Pick<ProposalAccount, 'kind' | 'index' | 'value' | 'recipient'>,
  { parameters }: Pick<ConfigAccount, 'parameters'>,
) {
  if (kind === PROPOSAL_KIND.parameter)
    return { kind: 'parameter', parameter: CHAIN_PARAMETERS[index] ?? `${index}`, now: parameters[index] ?? 0n, value };
  if (kind === PROPOSAL_KIND.pause) return { kind: 'pause', epochs: value };
  return { kind: 'payment', lamports: value, recipient: toBase58(recipient) };
}

/** `feeShareBps from 500 to 400`. */
export function askedText(asked: ReturnType<typeof askedOf>): string {
  if (asked.parameter !== undefined) return `${asked.parameter} from ${asked.now} to ${asked.value}`;
  if (asked.recipient !== undefined) return `${asked.lamports} lamports from the treasury to ${asked.recipient}`;
  return `a pause of ${asked.epochs} epochs`;
}
