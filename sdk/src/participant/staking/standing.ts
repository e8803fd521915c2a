import type {
  ConfigAccount,
  EpochAccount,
  ParticipantAccount,
  StakeAccount,
  VoteAccount,
} from '../../program/accounts.ts';
import { ASSET, EPOCH_STATE, NONE, VOTE_FLAG } from '../../program/accounts.ts';
import {
  earnedBetween,
  epochOfSlot,
  firstSlotOfEpoch,
  freeSlots,
  namedParameters,
  parametersIn,
  tokensWeigh,
  unitsFree,
  unitsWorth,
  voteEarns,
} from '../../protocol/index.ts';
import type { Asset } from './amounts.ts';
import { type Moment, momentOf, type Now } from './moment.ts';

/** What one staker has behind one participant in one asset, as of a slot. */
export interface StakeStanding {
  readonly asset: Asset;
  /** What counts, in lamports or base units of the token. */
  readonly worth: bigint;
  readonly units: bigint;
  /** Lamports that can be collected. */
  readonly rewardLamports: bigint;
  /** What is on its way out; undefined if nothing is. */
  readonly leaving:
    | {
        readonly worth: bigint;
        /** Of it, what can be withdrawn now. */
        readonly freeWorth: bigint;
        readonly first: Moment;
        readonly all: Moment;
      }
    | undefined;
}

type OnChain = { readonly config: ConfigAccount; readonly participant: ParticipantAccount; readonly now: Now };

/** P-29 to P-31: how a stake stands. */
export function stakeStanding(stake: StakeAccount, { config, participant, now }: OnChain): StakeStanding {
  const parameters = namedParameters(config.parameters);
  const { slashIndex } = participant;
  const free = freeSlots(stake, parameters);
  const earns = stake.asset === ASSET.lamports ? stake.units : tokensWeigh(stake.units, config.tokenRate);
  return {
    asset: stake.asset === ASSET.lamports ? 'lamports' : 'tokens',
    units: stake.units,
    worth: unitsWorth(stake.units, slashIndex),
    rewardLamports: stake.rewardLamports + earnedBetween(earns, stake.rewardPerUnit, participant.rewardPerUnit),
    leaving:
      free === undefined
        ? undefined
        : {
            worth: unitsWorth(stake.unbondingUnits - stake.releasedUnits, slashIndex),
            freeWorth: unitsWorth(unitsFree(stake, parameters, now.slot), slashIndex),
            first: momentOf(now, free.first),
            all: momentOf(now, free.all),
          },
  };
}

/** A validator's votes that are not ended yet (P-22). */
export interface OpenVotes {
  readonly count: number;
  /** Lamports that those of final epochs will bring, the owner's commission included. */
  readonly lamports: bigint;
  /** When the next of them is paid; undefined if none is of a final epoch. */
  readonly next: Moment | undefined;
}

/** P-22, P-32: what open votes will bring, and from when on. */
export function openVotes(
  votes: readonly { readonly vote: VoteAccount; readonly epoch: EpochAccount | undefined }[],
  { config, now }: Pick<OnChain, 'config' | 'now'>,
): OpenVotes {
  const paid = votes.flatMap(({ vote, epoch }) => {
    const slot = epoch?.state === EPOCH_STATE.finalised ? voteEndsAt(epoch, config, now) : undefined;
    if (epoch === undefined || slot === undefined) return [];
    return [{ slot, lamports: voteEarns({ ...vote, ...deedsOf(vote) }, epoch) }];
  });
  const slots = paid.map(({ slot }) => slot);
  const first = slots.reduce<bigint | undefined>((a, b) => (a === undefined || b < a ? b : a), undefined);
  return {
    count: votes.length,
    lamports: paid.reduce((sum, { lamports }) => sum + lamports, 0n),
    next: first === undefined ? undefined : momentOf(now, first),
  };
}

/** P-22, P-49: the slot from which on anyone may end the votes of an epoch; undefined while it may still become final. */
export function voteEndsAt(
  epoch: EpochAccount,
  config: Pick<ConfigAccount, 'parameters' | 'changes' | 'lastFinalisedEpoch'>,
  clock: Pick<Now, 'epochZeroSlot' | 'slotsPerEpoch'>,
): bigint | undefined {
  const isFinal = epoch.state === EPOCH_STATE.finalised;
  const isPassedOver = config.lastFinalisedEpoch !== NONE && config.lastFinalisedEpoch > epoch.epoch;
  if (!isFinal && !isPassedOver) return undefined;
  const decided = isFinal ? (epochOfSlot(clock, epoch.finalisedSlot) ?? 0n) : epoch.epoch;
  const faulted = epoch.faults > 0 ? (epochOfSlot(clock, epoch.faultSlot) ?? 0n) : 0n;
  const parameters = parametersIn({ ...config, parameters: namedParameters(config.parameters) }, epoch.epoch);
  const endsAt = firstSlotOfEpoch(clock, (faulted > decided ? faulted : decided) + parameters.evidenceEpochs);
  return epoch.heldUntilSlot > endsAt ? epoch.heldUntilSlot : endsAt;
}

function deedsOf({ flags }: VoteAccount) {
  const has = (flag: number): boolean => (flags & flag) !== 0;
  return {
    attested: has(VOTE_FLAG.attested),
    saltRevealed: has(VOTE_FLAG.saltRevealed),
    revealed: has(VOTE_FLAG.revealed),
    accused: has(VOTE_FLAG.accused),
  };
}

/** P-34: what a validator's owner keeps of rewards, in 1/10,000, now and from a later epoch on. */
export interface CommissionStanding {
  readonly bps: number;
  readonly later: { readonly bps: number; readonly fromEpoch: bigint } | undefined;
}

export function commissionStanding(
  { commissionBps: [before, after], commissionFromEpoch }: ParticipantAccount,
  epoch: bigint | undefined,
): CommissionStanding {
  if ((epoch ?? 0n) >= commissionFromEpoch) return { bps: after, later: undefined };
  return { bps: before, later: { bps: after, fromEpoch: commissionFromEpoch } };
}
