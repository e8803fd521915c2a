import { epochAt, rent, SIZE, VALIDATOR, weightAt, worth } from '../model/amounts.ts';
import { treasury } from '../model/governance.ts';
import type { Config, Ledger, Participant } from '../model/ledger.ts';
import { earned } from '../model/stake.ts';
import { labelOf } from './cast.ts';
import { all, configOf } from './stage.ts';

/** What must hold after any sequence, whatever the rules of single instructions say. Returns what does not. */
export function brokenInvariants(before: Ledger, after: Ledger): string[] {
  const broken: string[] = [];
  const check = (holds: boolean, what: string): void => {
    if (!holds) broken.push(what);
  };
  const config = configOf(after);
  if (config === undefined) return broken;
  checkVault(after, config, check);
  checkWeights(after, config, check);
  checkStakes(after, check);
  checkVotes(after, check);
  checkProgress(before, after, check);
  return broken;
}

type Check = (holds: boolean, what: string) => void;

const sum = (values: readonly bigint[]): bigint => values.reduce((total, value) => total + value, 0n);

/** Whatever came in and did not go out is there, and no more is promised than came in. */
function checkVault(ledger: Ledger, config: Config, check: Check): void {
  const [vault] = all(ledger, 'vault');
  if (vault === undefined) return;
  const { received, paid, rewards, rewardsPaid, treasuryPaid, settled } = vault.data;
  const lamports = (ledger.accounts.get(vault.key)?.lamports ?? 0n) - rent(SIZE.vault);
  check(lamports === received - paid - rewardsPaid - treasuryPaid, 'the vault holds what came in and did not go out');
  check(settled <= received, 'no more is the ledger’s than escrows settled');
  check(paid <= (config.lastTotals[5] ?? 0n), 'claims paid no more than is owed');
  check(rewardsPaid <= rewards, 'votes were paid no more than was set aside');
  check(treasury(config, vault.data) >= 0n, 'the treasury is not below zero');
  const debits = all(ledger, 'escrow').map(({ data }) => data.cumulativeDebit);
  check(sum(debits) === received, 'the vault received what escrows were debited');
  for (const { data } of all(ledger, 'escrow')) {
    check(data.cumulativeDebit <= data.authorised, 'no escrow is debited beyond what its buyer allowed');
  }
}

/** No phantom stake: Config's is the sum of the validators', in every epoch that all remember. */
function checkWeights(ledger: Ledger, config: Config, check: Check): void {
  const validators = all(ledger, 'participant').filter(({ data }) => data.role === VALIDATOR);
  const current = epochAt(config, ledger.slot) ?? 0n;
  for (let epoch = current > 8n ? current - 8n : 0n; epoch <= current + 1n; epoch++) {
    const weights = validators.map(({ data }) => weightAt(data.weights, epoch));
    const all_ = weightAt(config.stake, epoch);
    if (all_ === undefined || weights.includes(undefined)) continue;
    check(sum(weights.map((weight) => weight ?? 0n)) === all_, `the stake of epoch ${epoch} is the validators’`);
  }
  check(all(ledger, 'participant').length === config.participantCount, 'participants are counted');
}

function checkStakes(ledger: Ledger, check: Check): void {
  const stakes = all(ledger, 'stake').map(({ data }) => data);
  const cases = all(ledger, 'case').map(({ data }) => data);
  for (const { key, data } of all(ledger, 'participant')) {
    const name = labelOf(key);
    const mine = stakes.filter(({ participant }) => participant === key);
    check(sum(mine.map(({ units }) => units)) === data.units, `units behind ${name} are its stakers’`);
    const leaving = mine.map(({ unbondingUnits, releasedUnits }) => unbondingUnits - releasedUnits);
    check(sum(leaving) === data.unbondingUnits, `units on their way from ${name} are its stakers’`);
    const own = mine.find(({ staker }) => staker === data.owner)?.units ?? 0n;
    check(own === data.ownUnits, `the owner’s units of ${name} are its own`);
    const pending = mine.map((stake) => stake.rewardLamports + earned(data, stake));
    check(sum(pending) <= data.rewardLamports, `rewards behind ${name} are there`);
    check(data.openCases === cases.filter(isOpenAgainst(key)).length, `open cases against ${name} are counted`);
    const held = (ledger.accounts.get(key)?.lamports ?? 0n) - rent(SIZE.participant);
    check(
      held >=
        promised(
          data,
          mine.map(({ units }, i) => units + (leaving[i] ?? 0n)),
        ),
      `${name} covers what it owes`,
    );
  }
}

const isOpenAgainst =
  (key: string) =>
  ({ offender, executed }: { readonly offender: string; readonly executed: number }): boolean =>
    offender === key && executed === 0;

/** What stakers could take out in all, each rounded down, with rewards and commission. */
function promised({ slashIndex, rewardLamports, commissionLamports }: Participant, units: readonly bigint[]): bigint {
  return sum(units.map((one) => worth(one, slashIndex))) + rewardLamports + commissionLamports;
}

function checkVotes(ledger: Ledger, check: Check): void {
  const votes = all(ledger, 'vote').map(({ data }) => data);
  for (const { data: epoch } of all(ledger, 'epoch')) {
    const mine = votes.filter((vote) => vote.epoch === epoch.epoch);
    check(mine.length === epoch.openVotes, `open votes of epoch ${epoch.epoch} are counted`);
    check(epoch.saltStake <= epoch.attestedStake, `salts of epoch ${epoch.epoch} are of who attested`);
    for (const { stake, paidStake } of epoch.candidates) {
      check(paidStake <= stake, `no more of a report of epoch ${epoch.epoch} is paid than voted for it`);
    }
  }
  const ballots = all(ledger, 'ballot').map(({ data }) => data);
  for (const { key, data } of all(ledger, 'proposal')) {
    const mine = ballots.filter(({ proposal, epoch }) => proposal === key && epoch === data.epoch);
    check(sum(mine.map(({ stake }) => stake)) <= data.yesStake, 'every ballot is counted');
    check(data.yesStake <= data.totalStake, 'no more vote for a proposal than there are');
  }
}

/** What never goes back. */
function checkProgress(before: Ledger, after: Ledger, check: Check): void {
  for (const { key, data } of all(before, 'participant')) {
    const now = after.accounts.get(key)?.data;
    if (now?.kind !== 'participant') {
      check(false, `${labelOf(key)} is still there`);
      continue;
    }
    check(
      now.lifetime.every((value, i) => value >= (data.lifetime[i] ?? 0n)) && now.lifetimePaid >= data.lifetimePaid,
      `lifetimes of ${labelOf(key)} only grow`,
    );
    check(now.slashIndex <= data.slashIndex, `no unit behind ${labelOf(key)} regains worth`);
  }
}
