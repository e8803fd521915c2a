import { type ErrorFacts, KarmeshError } from '../../errors.ts';
import { type ConfigAccount, NONE, type ParticipantAccount, ROLE, type StakeAccount } from '../../program/index.ts';
import { equalBytes, firstSlotOfEpoch, namedParameters, ownBond, unitsFree, unitsWorth } from '../../protocol/index.ts';
import type { Asset } from './amounts.ts';
import { momentOf, momentText, type Now } from './moment.ts';
import type { StakeStanding } from './standing.ts';

/** P-30: below this nobody can stake any more. */
const LEAST_INDEX = 1n << 50n;

/** What the ledger would refuse, said before anything is signed. */
export function stakeRefused(sentence: string, facts: ErrorFacts = {}): KarmeshError {
  return new KarmeshError('STAKE_REFUSED', sentence, facts);
}

type OnChain = {
  readonly config: ConfigAccount;
  readonly participant: ParticipantAccount;
  readonly staker: Uint8Array;
  readonly now: Now;
};

/** Lamports that the owner of a participant must have behind it (P-28). */
export function leastBond({ config, participant }: Pick<OnChain, 'config' | 'participant'>): bigint {
  const { minWorkerBond, minValidatorBond, minGatewayBond } = namedParameters(config.parameters);
  if (participant.role === ROLE.worker) return minWorkerBond * BigInt(participant.capacity[1]);
  return participant.role === ROLE.validator ? minValidatorBond : minGatewayBond;
}

/** P-30, P-37: throws `STAKE_REFUSED` for what cannot be staked, or would not count. */
export function checkStake(
  { config, participant, staker, now }: OnChain,
  { asset, amount, available }: { readonly asset: Asset; readonly amount: bigint; readonly available: bigint },
): void {
  const isOwner = equalBytes(participant.owner, staker);
  if (participant.role !== ROLE.validator && !isOwner)
    throw stakeRefused('Only its owner stakes behind a worker; anyone stakes behind a validator.');
  checkUnpaused(config, now);
  checkNoCase(participant);
  if (participant.slashIndex < LEAST_INDEX)
    throw stakeRefused('This participant lost nearly all by slashes, so that nobody can stake behind it any more.');
  if (amount > available)
    throw stakeRefused('The staker holds less than the amount.', { amount, available, missing: amount - available });
  const least = leastBond({ config, participant });
  const isBond = isOwner && asset === 'lamports';
  // P-28
  if (!isBond && ownBond(participant) < least)
    throw stakeRefused('The owner has less behind it than its role asks for, so that nothing behind it counts.', {
      behindIt: ownBond(participant),
      minimum: least,
    });
  if (isBond && ownBond(participant) + amount < least)
    throw stakeRefused(
      'What the owner has behind it would stay below the minimum of its role, and nothing would count.',
      {
        behindIt: ownBond(participant),
        minimum: least,
        stakeAtLeast: least - ownBond(participant),
      },
    );
}

/** P-30: throws `STAKE_REFUSED` for what cannot be unstaked. `units` is what the request would take out. */
export function checkUnstake(
  { config, participant, staker }: Omit<OnChain, 'now'>,
  { standing, units, amount }: { readonly standing: StakeStanding; readonly units: bigint; readonly amount: bigint },
): void {
  const { slashIndex } = participant;
  if (units > standing.units)
    throw stakeRefused('The stake is worth less than the amount.', { amount, stakeIsWorth: standing.worth });
  if (standing.asset !== 'lamports' || !equalBytes(participant.owner, staker)) return;
  const left = unitsWorth(participant.ownUnits - units, slashIndex);
  const least = leastBond({ config, participant });
  if (units < participant.ownUnits && left < least)
    throw stakeRefused('The owner keeps the minimum of its role, or takes out all with `unstake all`.', {
      wouldStay: left,
      minimum: least,
      unstakeAtMost: ownBond(participant) > least ? ownBond(participant) - least : 0n,
    });
}

/** P-30: throws `STAKE_REFUSED` while nothing can be withdrawn, and says from when on. */
export function checkWithdraw(
  stake: StakeAccount,
  { config, participant, now }: Omit<OnChain, 'staker'>,
  standing: StakeStanding,
): void {
  const { leaving } = standing;
  if (leaving === undefined) throw stakeRefused('Nothing of this stake is on its way out; unstake first.');
  checkNoCase(participant);
  // What is free may be worth nothing after a slash; the units leave all the same.
  if (unitsFree(stake, namedParameters(config.parameters), now.slot) > 0n) return;
  throw stakeRefused('The cool-down is not over.', {
    firstFrom: momentText(leaving.first),
    allFrom: momentText(leaving.all),
    slot: now.slot,
  });
}

/** P-37. */
function checkUnpaused({ pausedUntilEpoch }: ConfigAccount, now: Now): void {
  if (pausedUntilEpoch === 0n || now.epochZeroSlot === undefined) return;
  const from = firstSlotOfEpoch(now, pausedUntilEpoch);
  if (now.slot < from)
    throw stakeRefused('Validators voted for a pause: nobody stakes until it is over.', {
      until: momentText(momentOf(now, from)),
    });
}

function checkNoCase({ openCases }: ParticipantAccount): void {
  if (openCases > 0)
    throw stakeRefused(
      'An offence of this participant waits for its slash; until then nobody stakes and nothing leaves.',
      {
        offences: openCases,
      },
    );
}

/** P-33: throws `STAKE_REFUSED` for a capacity that the bond does not stand for. */
export function checkCapacity(
  { config, participant }: Pick<OnChain, 'config' | 'participant'>,
  capacity: number,
): void {
  const { minWorkerBond } = namedParameters(config.parameters);
  const needed = minWorkerBond * BigInt(capacity);
  const has = ownBond(participant);
  if (has < needed)
    throw stakeRefused('The bond does not stand for so many requests at once.', {
      bond: has,
      needed,
      stakeFirst: needed - has,
      mostNow: Number(has / minWorkerBond),
    });
}

/** P-34: throws `STAKE_REFUSED` while an earlier change of the commission has not taken effect. */
export function checkCommission(
  { participant, now }: Pick<OnChain, 'participant' | 'now'>,
  epoch: bigint | undefined,
): void {
  const from = participant.commissionFromEpoch;
  if (from <= (epoch ?? 0n) || from === NONE) return;
  throw stakeRefused('The last change of the commission has not taken effect yet.', {
    from: now.epochZeroSlot === undefined ? `epoch ${from}` : momentText(momentOf(now, firstSlotOfEpoch(now, from))),
  });
}
