import { at } from './addresses.ts';
import { minimumOf, parameter, reweigh, VALIDATOR, WHOLE, worth } from './amounts.ts';
import { type Instruction, NONE, type Participant, type Stake } from './ledger.ts';
import { canPay, creating, ending, move } from './moves.ts';
import { newStake, notPaused } from './registration.ts';
import { RUNTIME, Rules } from './rules.ts';

/** P-31: adds what a stake earned since it was last brought up to date. */
function sync(participant: Participant, stake: Stake): void {
  stake.rewardLamports += earned(participant, stake);
  stake.rewardPerUnit = participant.rewardPerUnit;
}

export function earned(participant: Participant, stake: Stake): bigint {
  return (stake.units * (participant.rewardPerUnit - stake.rewardPerUnit)) >> 64n;
}

/** P-30, of lamports: staker, config, participant, stake. */
export const stake: Instruction = (ledger, call) => {
  const rules = new Rules(ledger, call);
  const [asset, amount] = [rules.number('asset'), rules.u64('amount')];
  const [staker, address] = [rules.key(0), rules.key(2)];
  rules.check(rules.signs(0), 'BadOwner');
  const config = rules.read(1, 'config');
  const participant = rules.read(2, 'participant');
  notPaused(rules, config);
  rules.check(participant.role === VALIDATOR || participant.owner === staker, 'BadOwner');
  rules.check(participant.openCases === 0, 'StakeHeld');
  rules.check(participant.slashIndex >= 1n << 50n, 'StakeTooSmall');
  // The model is of a cluster without a token, so that a call has no accounts of it either.
  rules.check(asset === 0, 'BadMint');
  rules.check(asset !== 1, RUNTIME);
  rules.check(amount > 0n && amount <= rules.lamports(0), 'BadAmount');
  const existing = ledger.accounts.get(rules.key(3))?.data;
  let make = (_: readonly Stake[]): void => {};
  let cost = amount;
  if (existing === undefined) {
    const before = rules.lamports(0);
    make = creating(rules, { place: 3, payer: 0, address: at.stake(address, staker), kind: 'stake' });
    const missing = 1n * (128n + 184n) * 6_960n - rules.lamports(3);
    cost += missing > 0n ? missing : 0n;
    rules.check(before >= cost, RUNTIME);
  } else {
    const mine = rules.read(3, 'stake');
    rules.check(mine.participant === address && mine.staker === staker, 'BadPda');
  }
  canPay(rules, 0, cost);
  const units = participant.slashIndex === 0n ? 0n : (amount * WHOLE) / participant.slashIndex;
  rules.check(participant.units + units <= NONE / 4n, 'Overflow');
  rules.stop();
  return () => {
    if (existing === undefined) make([newStake(address, staker, 0n)]);
    const mine = rules.read(3, 'stake');
    move(ledger, staker, address, amount);
    sync(participant, mine);
    mine.units += units;
    participant.units += units;
    if (staker === participant.owner) participant.ownUnits += units;
    reweigh(config, participant, ledger.slot);
  };
};

/** The stake of a call whose staker is at place 0, with what stands behind it. */
function stakeOf(rules: Rules, [atParticipant, atStake]: readonly [number, number]) {
  const participant = rules.read(atParticipant, 'participant');
  const mine = rules.read(atStake, 'stake');
  rules.check(mine.participant === rules.key(atParticipant), 'BadPda');
  return { participant, mine };
}

/** P-30: staker, config, participant, stake. */
export const unstake: Instruction = (ledger, call) => {
  const rules = new Rules(ledger, call);
  const config = rules.read(1, 'config');
  const { participant, mine } = stakeOf(rules, [2, 3]);
  rules.check(rules.signs(0) && rules.key(0) === mine.staker, 'BadOwner');
  const units = rules.u64('units') === NONE ? mine.units : rules.u64('units');
  rules.check(units > 0n, 'BadAmount');
  rules.check(units <= mine.units, 'StakeTooSmall');
  const isOwn = mine.staker === participant.owner;
  const left = participant.ownUnits - units;
  const keeps = left <= 0n || worth(left, participant.slashIndex) >= minimumOf(config, participant);
  rules.check(!isOwn || keeps, 'BondTooSmall');
  rules.stop();
  return () => {
    sync(participant, mine);
    mine.units -= units;
    mine.unbondingUnits += units - mine.releasedUnits;
    mine.releasedUnits = 0n;
    mine.unbondingFromSlot = ledger.slot;
    participant.units -= units;
    participant.unbondingUnits += units;
    if (isOwn) participant.ownUnits = left;
    reweigh(config, participant, ledger.slot);
  };
};

/** P-30: staker, config, participant, stake. */
export const withdrawStake: Instruction = (ledger, call) => {
  const rules = new Rules(ledger, call);
  const config = rules.read(1, 'config');
  const { participant, mine } = stakeOf(rules, [2, 3]);
  rules.check(rules.signs(0) && rules.key(0) === mine.staker, 'BadOwner');
  rules.check(participant.openCases === 0, 'StakeHeld');
  const waiting = mine.unbondingUnits - mine.releasedUnits;
  rules.check(waiting > 0n, 'NoCoolDown');
  const [held, whole] = [26, 25].map((place) => parameter(config, place) * parameter(config, 0)) as [bigint, bigint];
  const passed = ledger.slot - mine.unbondingFromSlot;
  const since = passed <= held ? 0n : (passed < whole ? passed : whole) - held;
  const units = (mine.unbondingUnits * since) / (whole - held) - mine.releasedUnits;
  rules.check(waiting === 0n || units > 0n, 'NothingDue');
  rules.stop();
  return () => {
    mine.releasedUnits += units;
    if (mine.releasedUnits === mine.unbondingUnits) {
      mine.unbondingUnits = 0n;
      mine.releasedUnits = 0n;
      mine.unbondingFromSlot = 0n;
    }
    participant.unbondingUnits -= units;
    move(ledger, rules.key(2), rules.key(0), worth(units, participant.slashIndex));
  };
};

/** P-31: staker, config, participant, stake. */
export const collectRewards: Instruction = (ledger, call) => {
  const rules = new Rules(ledger, call);
  rules.read(1, 'config');
  const { participant, mine } = stakeOf(rules, [2, 3]);
  rules.check(rules.key(0) === mine.staker, 'BadOwner');
  const due = mine.rewardLamports + earned(participant, mine);
  rules.check(due > 0n, 'NothingDue');
  rules.stop();
  return () => {
    sync(participant, mine);
    mine.rewardLamports = 0n;
    participant.rewardLamports -= due;
    move(ledger, rules.key(2), rules.key(0), due);
  };
};

/** P-31: owner, participant. */
export const collectCommission: Instruction = (ledger, call) => {
  const rules = new Rules(ledger, call);
  const participant = rules.read(1, 'participant');
  rules.check(rules.key(0) === participant.owner, 'BadOwner');
  const due = participant.commissionLamports;
  rules.check(due > 0n, 'NothingDue');
  rules.stop();
  return () => {
    participant.commissionLamports = 0n;
    move(ledger, rules.key(1), rules.key(0), due);
  };
};

/** P-30: staker, stake. */
export const closeStake: Instruction = (ledger, call) => {
  const rules = new Rules(ledger, call);
  const mine = rules.read(1, 'stake');
  rules.check(rules.signs(0) && rules.key(0) === mine.staker, 'BadOwner');
  rules.check(mine.units === 0n && mine.unbondingUnits === 0n && mine.rewardLamports === 0n, 'BadAmount');
  rules.stop();
  return ending(rules, 1, 0);
};
