import { NONE } from '@karmesh/sdk/program';
import type { ChainParameters } from '@karmesh/sdk/protocol';

/** The rules P-28 to P-31 and P-34 once more, in integers of any size, for the program to be held against. */
export const WHOLE = 1n << 60n;
const LEAST = 1n << 50n;

export interface ModelStake {
  units: bigint;
  /** The participant's `earned` when this was last brought up to date. */
  seen: bigint;
  rewards: bigint;
  leaving: bigint;
  left: bigint;
  from: bigint;
  /** What was paid in and out of it, ever, and what it earned if nothing were rounded, times 2^64. */
  paidIn: bigint;
  paidOut: bigint;
  collected: bigint;
  entitled: bigint;
}

export interface ModelParticipant {
  readonly validator: boolean;
  readonly owner: string;
  readonly minimum: bigint;
  index: bigint;
  /** Lamports per unit, times 2^64. */
  earned: bigint;
  rewards: bigint;
  commission: bigint;
  bps: readonly [bigint, bigint];
  bpsFrom: bigint;
  cases: bigint;
  /** The weight from an epoch on. */
  readonly weights: Map<bigint, bigint>;
  /** By staker and asset. */
  readonly stakes: Map<string, ModelStake>;
}

export interface ModelChain {
  readonly parameters: ChainParameters;
  readonly tokenRate: bigint;
  readonly epochZeroSlot: bigint;
  slot: bigint;
}

/** What an instruction came to: the name of its error, or what it moved. */
export type Outcome = { readonly error: string } | { readonly moved: bigint };

export function newParticipant(options: Pick<ModelParticipant, 'validator' | 'owner' | 'minimum'>): ModelParticipant {
  const { owner, minimum } = options;
  return {
    ...options,
    index: WHOLE,
    earned: 0n,
    rewards: 0n,
    commission: 0n,
    bps: [0n, 0n],
    bpsFrom: 0n,
    cases: 0n,
    weights: new Map([[0n, minimum]]),
    stakes: new Map([[`${owner} 0`, { ...newStake(0n), units: minimum, paidIn: minimum }]]),
  };
}

function newStake(seen: bigint): ModelStake {
  const nothing = { units: 0n, rewards: 0n, leaving: 0n, left: 0n, from: 0n };
  return { ...nothing, seen, paidIn: 0n, paidOut: 0n, collected: 0n, entitled: 0n };
}

export function epochOf({ parameters, epochZeroSlot, slot }: ModelChain): bigint {
  return (slot - epochZeroSlot) / parameters.slotsPerEpoch;
}

export const worth = (units: bigint, index: bigint): bigint => (units * index) / WHOLE;

/** A field of all stakes of one asset together. */
export function sumOf(participant: ModelParticipant, asset: number, of: (stake: ModelStake) => bigint): bigint {
  return [...participant.stakes].reduce((sum, [key, one]) => (key.endsWith(` ${asset}`) ? sum + of(one) : sum), 0n);
}

const byRate = (chain: ModelChain, tokens: bigint): bigint => (tokens * chain.tokenRate) >> 32n;
const earning = (chain: ModelChain, asset: number, units: bigint) => (asset === 0 ? units : byRate(chain, units));
const ownUnits = (participant: ModelParticipant) => participant.stakes.get(`${participant.owner} 0`)?.units ?? 0n;

/** P-28. */
function reweigh(chain: ModelChain, participant: ModelParticipant): void {
  const { index, minimum } = participant;
  const own = ownUnits(participant);
  const all = (asset: number) =>
    worth(
      sumOf(participant, asset, ({ units }) => units),
      index,
    );
  const counts = own > 0n && worth(own, index) >= minimum;
  participant.weights.set(epochOf(chain) + 1n, counts ? all(0) + byRate(chain, all(1)) : 0n);
}

/** The weight in an epoch. */
export function weightOf({ weights }: ModelParticipant, epoch: bigint): bigint {
  const [newest] = [...weights.keys()].filter((from) => from <= epoch).sort((a, b) => (a < b ? 1 : -1));
  return weights.get(newest ?? 0n) ?? 0n;
}

/** P-31. */
function sync(chain: ModelChain, participant: ModelParticipant, asset: number, stake: ModelStake): void {
  stake.rewards += (earning(chain, asset, stake.units) * (participant.earned - stake.seen)) >> 64n;
  stake.seen = participant.earned;
}

export interface Named {
  readonly staker: string;
  readonly asset: number;
}

/** P-30. `available` is what the staker has. */
export function modelStake(
  chain: ModelChain,
  participant: ModelParticipant,
  { staker, asset, amount, available }: Named & { readonly amount: bigint; readonly available: bigint },
): Outcome {
  if (!participant.validator && staker !== participant.owner) return { error: 'BadOwner' };
  if (participant.cases > 0n) return { error: 'StakeHeld' };
  if (participant.index < LEAST) return { error: 'StakeTooSmall' };
  if (amount === 0n || amount > available) return { error: 'BadAmount' };
  const key = `${staker} ${asset}`;
  const stake = participant.stakes.get(key) ?? newStake(participant.earned);
  sync(chain, participant, asset, stake);
  stake.units += (amount * WHOLE) / participant.index;
  stake.paidIn += amount;
  participant.stakes.set(key, stake);
  reweigh(chain, participant);
  return { moved: amount };
}

/** P-30. */
export function modelUnstake(
  chain: ModelChain,
  participant: ModelParticipant,
  { staker, asset, units: asked }: Named & { readonly units: bigint },
): Outcome {
  const stake = participant.stakes.get(`${staker} ${asset}`);
  if (stake === undefined) return { error: 'BadOwner' };
  const units = asked === NONE ? stake.units : asked;
  if (units === 0n) return { error: 'BadAmount' };
  if (units > stake.units) return { error: 'StakeTooSmall' };
  const left = stake.units - units;
  const isOwn = staker === participant.owner && asset === 0;
  if (isOwn && left > 0n && worth(left, participant.index) < participant.minimum) return { error: 'BondTooSmall' };
  sync(chain, participant, asset, stake);
  stake.units = left;
  stake.leaving += units - stake.left;
  stake.left = 0n;
  stake.from = chain.slot;
  reweigh(chain, participant);
  return { moved: 0n };
}

/** P-30. */
export function modelWithdraw(chain: ModelChain, participant: ModelParticipant, { staker, asset }: Named): Outcome {
  const stake = participant.stakes.get(`${staker} ${asset}`);
  if (stake === undefined) return { error: 'BadOwner' };
  if (participant.cases > 0n) return { error: 'StakeHeld' };
  if (stake.leaving === 0n) return { error: 'NoCoolDown' };
  const { evidenceEpochs, coolDownEpochs, slotsPerEpoch } = chain.parameters;
  const [held, whole] = [evidenceEpochs * slotsPerEpoch, coolDownEpochs * slotsPerEpoch];
  const passed = chain.slot - stake.from;
  const after = passed < held ? 0n : passed > whole ? whole - held : passed - held;
  const units = (stake.leaving * after) / (whole - held) - stake.left;
  if (units <= 0n) return { error: 'NothingDue' };
  stake.left += units;
  if (stake.left === stake.leaving) Object.assign(stake, { leaving: 0n, left: 0n, from: 0n });
  const moved = worth(units, participant.index);
  stake.paidOut += moved;
  return { moved };
}

/** P-31. */
export function modelCollect(chain: ModelChain, participant: ModelParticipant, { staker, asset }: Named): Outcome {
  const stake = participant.stakes.get(`${staker} ${asset}`);
  if (stake === undefined) return { error: 'BadOwner' };
  const { seen } = stake;
  sync(chain, participant, asset, stake);
  const moved = stake.rewards;
  if (moved === 0n) {
    stake.seen = seen;
    return { error: 'NothingDue' };
  }
  stake.rewards = 0n;
  stake.collected += moved;
  participant.rewards -= moved;
  return { moved };
}

export function modelCommission(participant: ModelParticipant): Outcome {
  const moved = participant.commission;
  if (moved === 0n) return { error: 'NothingDue' };
  participant.commission = 0n;
  return { moved };
}

/** P-30. The rent is the caller's to count. */
export function modelClose(participant: ModelParticipant, { staker, asset }: Named): Outcome {
  const key = `${staker} ${asset}`;
  const stake = participant.stakes.get(key);
  if (stake === undefined) return { error: 'BadOwner' };
  if (stake.units + stake.leaving + stake.rewards > 0n) return { error: 'BadAmount' };
  participant.stakes.delete(key);
  return { moved: 0n };
}

/** P-34. */
export function modelSetCommission(chain: ModelChain, participant: ModelParticipant, bps: bigint): Outcome {
  const epoch = epochOf(chain);
  if (participant.bpsFrom > epoch) return { error: 'TooEarly' };
  participant.bpsFrom = epoch + (bps > participant.bps[1] ? chain.parameters.coolDownEpochs : 1n);
  participant.bps = [participant.bps[1], bps];
  return { moved: 0n };
}

/** P-31: a vote's pay arrives. */
export function modelReward(chain: ModelChain, participant: ModelParticipant, lamports: bigint): void {
  const tokens = sumOf(participant, 1, ({ units }) => units);
  const all = sumOf(participant, 0, ({ units }) => units) + byRate(chain, tokens);
  const bps = participant.bps[epochOf(chain) >= participant.bpsFrom ? 1 : 0];
  const commission = all === 0n ? lamports : (lamports * bps) / 10_000n;
  participant.commission += commission;
  if (all === 0n) return;
  const rest = lamports - commission;
  participant.rewards += rest;
  participant.earned += (rest << 64n) / all;
  for (const [key, stake] of participant.stakes) {
    stake.entitled += (earning(chain, key.endsWith(' 0') ? 0 : 1, stake.units) * (rest << 64n)) / all;
  }
}

/** P-29: lamports and tokens that all units lose. */
export function modelSlash(participant: ModelParticipant, index: bigint): bigint {
  const units = sumOf(participant, 0, (stake) => stake.units + stake.leaving - stake.left);
  const lost = worth(units, participant.index) - worth(units, index);
  participant.index = index;
  return lost;
}
