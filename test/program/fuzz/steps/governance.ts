import { at } from '../../model/addresses.ts';
import { epochAt, VALIDATOR } from '../../model/amounts.ts';
import { ASKS, treasury } from '../../model/governance.ts';
import { type Config, type Key, NONE, ZERO } from '../../model/ledger.ts';
import { keyOf } from '../cast.ts';
import type { Random } from '../random.ts';
import { all, configOf, type Stage } from '../stage.ts';
import { type Idea, send } from '../step.ts';

/** Parameters that a fuzzed vote changes, with values that leave a cluster alive. */
const CHANGES: readonly (readonly [index: number, values: readonly bigint[]])[] = [
  [2, [20n, 40n, 80n]],
  [5, [0n, 4n, 9n]],
  [6, [0n, 4n, 30n]],
  [8, [1_000_000_000n, 2_000_000_000n, 3_000_000_000n]],
  [7, [500_000_000n, 1_000_000_000n, 1_500_000_000n]],
  [12, [0n, 5n, 10n]],
  [13, [0n, 1_000n]],
  [16, [64n, 1_000n]],
  [22, [0n, 700n, 1_000n]],
  [23, [0n, 300n, 9_999n]],
  [25, [3n, 4n, 6n]],
  [26, [0n, 1n, 2n]],
  [27, [0n, 1n, 2n]],
  [28, [100n, 500n, 10_000n]],
  [32, [0n, 1_000n]],
  [34, [1_000n, 5_000n, 10_000n]],
  [35, [1n, 2n]],
  [36, [0n, 500n]],
  [37, [0n, NONE]],
  [0, [128n]],
];

function asked({ ledger }: Stage, config: Config, random: Random) {
  const nothing = { index: 0, recipient: ZERO };
  const kind = random.below(10);
  if (kind < 5) {
    const [index, values] = random.pick(CHANGES) ?? [2, [40n]];
    return { kind: ASKS.parameter, index, value: random.pick(values) ?? 0n, recipient: ZERO };
  }
  if (kind < 7) return { ...nothing, kind: ASKS.pause, value: BigInt(random.chance(90) ? 1 + random.below(4) : 9) };
  const vault = all(ledger, 'vault')[0]?.data;
  const free = vault === undefined ? 0n : treasury(config, vault);
  const recipient: Key = random.chance(90) ? keyOf('stranger') : at.vault;
  const value = random.chance(85) ? random.amount(free > 0n ? free : 0n) : free + 1n;
  return { ...nothing, kind: ASKS.payment, value: value > 0n ? value : 1n, recipient };
}

export const proposing: Idea = (stage, random) => {
  const config = configOf(stage.ledger);
  const one = random.pick(all(stage.ledger, 'participant').filter(({ data }) => data.role === VALIDATOR));
  if (config === undefined || one === undefined) return undefined;
  const nonce = BigInt(random.below(4));
  const { key, data } = one;
  return send('propose', [data.identity, at.config, key, at.proposal(key, nonce)], {
    signs: [data.identity],
    args: { nonce, ...asked(stage, config, random) },
  });
};

export const voting: Idea = (stage, random) => {
  const proposals = all(stage.ledger, 'proposal');
  const open = proposals.filter(({ data }) => data.passedEpoch === NONE);
  const proposal = random.pick(open.length > 0 ? open : proposals);
  if (proposal === undefined) return undefined;
  const validators = all(stage.ledger, 'participant').filter(({ data }) => data.role === VALIDATOR);
  const silent = validators.filter(({ key }) => !stage.ledger.accounts.get(at.ballot(proposal.key, key))?.data);
  const one = random.pick(silent.length > 0 && random.chance(95) ? silent : validators);
  if (one === undefined) return undefined;
  const { key, data } = one;
  return send('vote_proposal', [data.identity, at.config, key, proposal.key, at.ballot(proposal.key, key)], {
    signs: [data.identity],
  });
};

export const executing: Idea = (stage, random) => {
  const config = configOf(stage.ledger);
  const now = config === undefined ? undefined : (epochAt(config, stage.ledger.slot) ?? 0n);
  const proposals = all(stage.ledger, 'proposal');
  const passed = proposals.filter(
    ({ data }) => data.executed === 0 && data.passedEpoch !== NONE && (now ?? 0n) >= data.executableFromEpoch,
  );
  const proposal = random.pick(passed.length > 0 ? passed : proposals);
  if (proposal === undefined) return undefined;
  return send('execute_proposal', [proposal.key, at.config, at.vault, proposal.data.recipient]);
};

export const endingProposal: Idea = (stage, random) => {
  const proposals = all(stage.ledger, 'proposal');
  const done = proposals.filter(({ data }) => data.executed === 1);
  const proposal = random.pick(done.length > 0 ? done : proposals);
  if (proposal === undefined) return undefined;
  return send('close_proposal', [proposal.data.payer, at.config, proposal.key]);
};

export const endingBallot: Idea = (stage, random) => {
  const ballot = random.pick(all(stage.ledger, 'ballot'));
  if (ballot === undefined) return undefined;
  return send('close_ballot', [ballot.data.payer, at.config, ballot.data.proposal, ballot.key]);
};
