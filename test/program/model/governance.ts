import { at } from './addresses.ts';
import { epochAt, isQuorum, parameter, rent, SIZE, weightAt } from './amounts.ts';
import { fitTogether, isVotable } from './bounds.ts';
import { duty } from './epochs.ts';
import {
  type Ballot,
  type Config,
  type Instruction,
  type Key,
  NONE,
  type Proposal,
  type Vault,
  ZERO,
} from './ledger.ts';
import { creating, ending, move } from './moves.ts';
import { RUNTIME, Rules } from './rules.ts';

export const ASKS = { parameter: 1, pause: 2, payment: 3 } as const;
const OPEN_EPOCHS = 64n;
const MOST_PAUSE = 8n;

/** The current epoch: no vote before `start`. */
function current(rules: Rules, config: Config): bigint {
  const epoch = epochAt(config, rules.ledger.slot);
  rules.check(epoch !== undefined, 'NotStarted');
  return epoch ?? 0n;
}

/** P-36: identity, config, validator, proposal. */
export const propose: Instruction = (ledger, call) => {
  const rules = new Rules(ledger, call);
  const [asks, index] = [rules.number('kind'), rules.number('index')];
  const [nonce, value, recipient] = [rules.u64('nonce'), rules.u64('value'), rules.hash('recipient')];
  const config = rules.read(1, 'config');
  const epoch = current(rules, config);
  duty(rules, config, epoch);
  const pays = recipient !== ZERO;
  if (asks === ASKS.parameter) {
    rules.check(!pays, 'BadProposal');
    rules.check(isVotable(index, value), 'BadParameter');
  } else if (asks === ASKS.pause) {
    rules.check(index === 0 && !pays && value >= 1n && value <= MOST_PAUSE, 'BadProposal');
  } else {
    rules.check(asks === ASKS.payment && index === 0 && pays && value > 0n, 'BadProposal');
  }
  const totalStake = weightAt(config.stake, epoch) ?? 0n;
  const [proposer, payer] = [rules.key(2), rules.key(0)];
  const make = creating(rules, { place: 3, payer: 0, address: at.proposal(proposer, nonce), kind: 'proposal' });
  rules.stop();
  const proposal: Proposal = {
    ...{ kind: 'proposal', proposer, payer, recipient, nonce, value, epoch, totalStake, yesStake: 0n },
    ...{ passedEpoch: NONE, executableFromEpoch: NONE, index, asks, executed: 0 },
  };
  return () => make([proposal]);
};

const takesVotes = ({ passedEpoch, epoch }: Proposal, now: bigint) =>
  passedEpoch === NONE && now <= epoch + OPEN_EPOCHS;

function lastEpoch({ asks, executableFromEpoch }: Proposal): bigint {
  return executableFromEpoch + (asks === ASKS.pause ? MOST_PAUSE : OPEN_EPOCHS);
}

/** Whether nothing can come of it any more. */
function isOver(proposal: Proposal, now: bigint): boolean {
  if (proposal.executed === 1) return true;
  return proposal.passedEpoch === NONE ? !takesVotes(proposal, now) : now > lastEpoch(proposal);
}

/** P-36: identity, config, validator, proposal, ballot. */
export const voteProposal: Instruction = (ledger, call) => {
  const rules = new Rules(ledger, call);
  const config = rules.read(1, 'config');
  const now = current(rules, config);
  const proposal = rules.read(3, 'proposal');
  const stake = duty(rules, config, proposal.epoch);
  rules.check(takesVotes(proposal, now), 'TooLate');
  rules.check(ledger.accounts.get(rules.key(4))?.data === undefined, 'AlreadyVoted');
  const [validator, payer] = [rules.key(2), rules.key(0)];
  const make = creating(rules, {
    ...{ place: 4, payer: 0, kind: 'ballot' },
    address: at.ballot(rules.key(3), validator),
  });
  rules.stop();
  const ballot: Ballot = { kind: 'ballot', proposal: rules.key(3), validator, payer, stake, epoch: proposal.epoch };
  return () => {
    make([ballot]);
    proposal.yesStake += stake;
    const { yesStake, totalStake } = proposal;
    const isPause = proposal.asks === ASKS.pause;
    if (isPause ? 2n * yesStake <= totalStake : !isQuorum(yesStake, totalStake)) return;
    proposal.passedEpoch = now;
    proposal.executableFromEpoch = isPause ? now : now + parameter(config, 35);
  };
};

/** What is nobody's yet. */
export function treasury(config: Config, vault: Vault): bigint {
  return vault.settled - (config.lastTotals[5] ?? 0n) - vault.rewards - vault.treasuryPaid;
}

/** P-36: proposal, config, vault, recipient. */
export const executeProposal: Instruction = (ledger, call) => {
  const rules = new Rules(ledger, call);
  const proposal = rules.read(0, 'proposal');
  const config = rules.read(1, 'config');
  const now = current(rules, config);
  const { asks, value, executed } = proposal;
  const hasPassed = proposal.passedEpoch !== NONE;
  rules.check(executed === 0, 'BadProposal');
  rules.check(hasPassed, 'NotPassed');
  rules.check(!hasPassed || now >= proposal.executableFromEpoch, 'TimeLocked');
  rules.check(!hasPassed || now <= lastEpoch(proposal), 'BadProposal');
  rules.check(rules.key(3) === proposal.recipient, 'BadOwner');
  const effect = effectOf(rules, { proposal, config, now });
  rules.stop();
  return () => {
    proposal.executed = 1;
    if (asks === ASKS.payment) move(ledger, rules.key(2), rules.key(3), value);
    effect();
  };
};

function effectOf(rules: Rules, of: { proposal: Proposal; config: Config; now: bigint }): () => void {
  const { proposal, config, now } = of;
  const { asks, value, index } = proposal;
  if (asks === ASKS.parameter) {
    const before = parameter(config, index);
    const changed = config.parameters.with(index, value);
    rules.check(before !== value, 'BadProposal');
    rules.check(fitTogether(changed), 'BadParameter');
    const oldest = config.changes[3]?.fromEpoch ?? 0n;
    rules.check(oldest === 0n || now >= oldest + 8n, 'TimeLocked');
    return () => {
      config.parameters = changed;
      config.changes = [{ index: BigInt(index), fromEpoch: now + 1n, before }, ...config.changes].slice(0, 4);
    };
  }
  if (asks === ASKS.pause) {
    rules.check(now >= config.pausableFromEpoch, 'TimeLocked');
    return () => {
      config.pausedUntilEpoch = now + value;
      config.pausableFromEpoch = now + value + 8n;
    };
  }
  const vault = rules.read(2, 'vault');
  rules.check(rules.key(3) !== rules.key(2), 'BadProposal');
  const free = rules.lamports(2) - rent(SIZE.vault);
  rules.check(value <= treasury(config, vault) && value <= free, 'TreasuryShort');
  // No wallet may have less than its rent.
  rules.check(value === 0n || rules.lamports(3) + value >= rent(0), RUNTIME);
  return () => {
    vault.treasuryPaid += value;
  };
}

/** P-36: payer, config, proposal. */
export const closeProposal: Instruction = (ledger, call) => {
  const rules = new Rules(ledger, call);
  const config = rules.read(1, 'config');
  const proposal = rules.read(2, 'proposal');
  const now = current(rules, config);
  rules.check(rules.key(0) === proposal.payer, 'BadOwner');
  rules.check(isOver(proposal, now) && now > proposal.epoch, 'TooEarly');
  rules.stop();
  return ending(rules, 2, 0);
};

/** P-36: payer, config, proposal, ballot. */
export const closeBallot: Instruction = (ledger, call) => {
  const rules = new Rules(ledger, call);
  const config = rules.read(1, 'config');
  const ballot = rules.read(3, 'ballot');
  const now = current(rules, config);
  rules.check(rules.key(0) === ballot.payer, 'BadOwner');
  rules.check(rules.key(2) === ballot.proposal, 'BadPda');
  const proposal = ledger.accounts.get(rules.key(2) as Key)?.data;
  if (proposal !== undefined && proposal.kind !== 'proposal') rules.check(false, 'BadOwner');
  const mayCount = proposal?.kind === 'proposal' && proposal.epoch === ballot.epoch && !isOver(proposal, now);
  rules.check(!mayCount, 'TooEarly');
  rules.stop();
  return ending(rules, 3, 0);
};
