import { at } from '../../model/addresses.ts';
import { VALIDATOR } from '../../model/amounts.ts';
import { NONE } from '../../model/ledger.ts';
import { keyOf } from '../cast.ts';
import { all } from '../stage.ts';
import { type Idea, send } from '../step.ts';

const SOL = 1_000_000_000n;

export const staking: Idea = (stage, random) => {
  const participant = random.pick(all(stage.ledger, 'participant'));
  if (participant === undefined) return undefined;
  const { key, data } = participant;
  const anyone = [keyOf('staker 0'), keyOf('staker 1'), data.owner, keyOf('buyer 0')];
  const staker = random.chance(data.role === VALIDATOR ? 100 : 10) ? (random.pick(anyone) ?? data.owner) : data.owner;
  return send('stake', [staker, at.config, key, at.stake(key, staker)], {
    signs: [staker],
    args: { asset: 0, amount: 1n + random.amount(3n * SOL) },
  });
};

export const unstaking: Idea = (stage, random) => {
  const mine = random.pick(all(stage.ledger, 'stake').filter(({ data }) => data.units > 0n));
  if (mine === undefined) return undefined;
  const { key, data } = mine;
  const units = random.chance(30) ? NONE : random.amount(data.units);
  return send('unstake', [data.staker, at.config, data.participant, key], { signs: [data.staker], args: { units } });
};

export const withdrawing: Idea = (stage, random) => {
  const mine = random.pick(all(stage.ledger, 'stake').filter(({ data }) => data.unbondingUnits > 0n));
  if (mine === undefined) return undefined;
  const { key, data } = mine;
  return send('withdraw_stake', [data.staker, at.config, data.participant, key], { signs: [data.staker] });
};

export const collecting: Idea = (stage, random) => {
  const behind = new Set(
    all(stage.ledger, 'participant').flatMap(({ key, data }) => (data.rewardLamports > 0n ? [key] : [])),
  );
  const stakes = all(stage.ledger, 'stake');
  const earning = stakes.filter(({ data }) => behind.has(data.participant));
  const mine = random.pick(earning.length > 0 ? earning : stakes);
  if (mine === undefined) return undefined;
  const { key, data } = mine;
  return send('collect_rewards', [data.staker, at.config, data.participant, key]);
};

export const collectingCommission: Idea = (stage, random) => {
  const participants = all(stage.ledger, 'participant');
  const due = participants.filter(({ data }) => data.commissionLamports > 0n);
  const one = random.pick(due.length > 0 ? due : participants);
  return one === undefined ? undefined : send('collect_commission', [one.data.owner, one.key]);
};

export const closingStake: Idea = (stage, random) => {
  const stakes = all(stage.ledger, 'stake');
  const empty = stakes.filter(({ data }) => data.units === 0n && data.unbondingUnits === 0n);
  const mine = random.pick(empty.length > 0 && random.chance(90) ? empty : stakes);
  return mine === undefined
    ? undefined
    : send('close_stake', [mine.data.staker, mine.key], { signs: [mine.data.staker] });
};
