import { decayKarma } from '@karmesh/sdk/protocol';
import { epochAt, nextEpoch, parameter, parameterIn, rent, SIZE } from './amounts.ts';
import { epochOf, STATE } from './epochs.ts';
import { innerNode, lifetimeLeaf } from './hashes.ts';
import {
  type Config,
  type Epoch,
  type Instruction,
  type Key,
  NONE,
  type Participant,
  type Vault,
  type Vote,
} from './ledger.ts';
import { ending, move } from './moves.ts';
import { notPaused } from './registration.ts';
import { heightOf, keepsPay } from './reports.ts';
import { Rules } from './rules.ts';

/** P-38: what claims may still pay in this epoch. */
export function claimable(config: Config, vault: Vault, current: bigint): bigint {
  const inWindow = vault.windowEpoch === current ? vault.windowPaid : 0n;
  const outstanding = (config.lastTotals[5] ?? 0n) - vault.paid;
  const limit = ((outstanding + inWindow) * parameter(config, 34) + 9_999n) / 10_000n;
  const left = limit > inWindow ? limit - inWindow : 0n;
  return left < outstanding ? left : outstanding;
}

/** P-21: payer, config, epochAccount, participant, owner, vault. */
export const claim: Instruction = (ledger, call) => {
  const rules = new Rules(ledger, call);
  const number = rules.u64('epoch');
  const index = rules.number('index');
  const lifetime = call.args.lifetime as readonly bigint[];
  const owed = rules.u64('lifetime_owed');
  const path = call.args.path as readonly Key[];
  rules.check(rules.signs(0), 'WrongIdentity');
  const config = rules.read(1, 'config');
  const epoch = epochOf(rules, 2);
  const participant = rules.read(3, 'participant');
  const vault = rules.read(5, 'vault');
  rules.check(epoch.state === STATE.final, 'NotFinalised');
  rules.check(index === participant.index, 'BadPath');
  rules.check(rules.key(4) === participant.owner, 'BadOwner');
  const leaf = { participant: rules.key(3), lifetime, owed, receiptsRoot: rules.hash('receipts_root') };
  const { participantCount, claimsRoot } = epoch.report;
  const reached = climb(lifetimeLeaf(config.domain, number, leaf), index, path);
  rules.check(index < participantCount && path.length === heightOf(participantCount), 'BadPath');
  rules.check(reached === claimsRoot, 'BadPath');
  notPaused(rules, config);
  const isNewer = lifetime.every((value, i) => value >= (participant.lifetime[i] ?? 0n));
  rules.check(isNewer && owed >= participant.lifetimePaid, 'StaleRoot');
  const grew = lifetime.some((value, i) => value > (participant.lifetime[i] ?? 0n));
  const due = owed - participant.lifetimePaid;
  rules.check(grew || due !== 0n, 'AlreadyClaimed');
  const current = epochAt(config, ledger.slot) ?? 0n;
  const allowed = claimable(config, vault, current);
  const paid = due < allowed ? due : allowed;
  rules.check(grew || allowed > 0n, 'ClaimsExhausted');
  rules.check(paid <= rules.lamports(5) - rent(SIZE.vault), 'EscrowShort');
  rules.stop();
  return () => {
    gain(config, participant, { lifetime, slot: ledger.slot });
    if (vault.windowEpoch !== current) Object.assign(vault, { windowEpoch: current, windowPaid: 0n });
    participant.lifetimePaid += paid;
    vault.paid += paid;
    vault.windowPaid += paid;
    move(ledger, rules.key(5), rules.key(4), paid);
  };
};

/** P-21: karma decays to this slot and grows by what the lifetimes grew. */
function gain(config: Config, participant: Participant, to: { lifetime: readonly bigint[]; slot: bigint }): void {
  const elapsedSlots = to.slot - participant.karmaSlot;
  participant.karma = participant.karma.map((karma, i) => {
    const halfLifeSlots = parameter(config, 16 + i);
    const growth = (to.lifetime[i] ?? 0n) - (participant.lifetime[i] ?? 0n);
    return decayKarma(karma, { elapsedSlots, halfLifeSlots }) + growth;
  });
  participant.lifetime = [...to.lifetime];
  participant.karmaSlot = to.slot;
  nextWeightKarma(config, participant, {
    slot: to.slot,
    karma: (participant.karma[0] ?? 0n) + (participant.karma[3] ?? 0n),
  });
}

/** The weight of draws from the next epoch on; what holds now stays until then. */
export function nextWeightKarma(config: Config, participant: Participant, to: { slot: bigint; karma: bigint }): void {
  const from = nextEpoch(config, to.slot);
  const now = participant.weightKarma[participant.weightFromEpoch < from ? 1 : 0] ?? 0n;
  participant.weightKarma = [now, to.karma];
  participant.weightFromEpoch = from;
}

function climb(leaf: Key, index: number, path: readonly Key[]): Key {
  return path.reduce(
    (node, sibling, level) =>
      Math.floor(index / 2 ** level) % 2 === 1 ? innerNode(sibling, node) : innerNode(node, sibling),
    leaf,
  );
}

/** P-32: what a vote earns. */
function rewardOf(epoch: Epoch, vote: Vote): bigint {
  if (epoch.state !== STATE.final || epoch.votePoints === 0n || !keepsPay(vote)) return 0n;
  const won = vote.revealed && vote.reportHash === epoch.reportHash && !vote.late;
  const points = (vote.saltRevealed ? vote.stake : 0n) + (won ? 2n * vote.stake : 0n);
  const share = (epoch.voteReward * points) / epoch.votePoints;
  const left = epoch.voteReward - epoch.votesPaid;
  return share < left ? share : left;
}

/** P-31: a reward for what stands behind a participant: the commission, and the rest to the units. */
function reward(participant: Participant, lamports: bigint, current: bigint): void {
  if (lamports === 0n) return;
  const bps = participant.commissionBps[current >= participant.commissionFromEpoch ? 1 : 0] ?? 0;
  const commission = participant.units === 0n ? lamports : (lamports * BigInt(bps)) / 10_000n;
  participant.commissionLamports += commission;
  if (participant.units === 0n) return;
  participant.rewardLamports += lamports - commission;
  participant.rewardPerUnit += ((lamports - commission) << 64n) / participant.units;
}

/** P-22: payer, config, epochAccount, vote, validator, vault. */
export const closeVote: Instruction = (ledger, call) => {
  const rules = new Rules(ledger, call);
  const number = rules.u64('epoch');
  const config = rules.read(1, 'config');
  const epoch = epochOf(rules, 2);
  const vote = rules.read(3, 'vote');
  const validator = rules.read(4, 'participant');
  const vault = rules.read(5, 'vault');
  rules.check(vote.epoch === number, 'WrongEpoch');
  rules.check(vote.validator === rules.key(4), 'BadPda');
  rules.check(rules.key(0) === vote.payer, 'BadOwner');
  const isFinal = epoch.state === STATE.final;
  const isPassedOver = config.lastFinalisedEpoch !== NONE && config.lastFinalisedEpoch >= number;
  rules.check(isFinal || isPassedOver, 'NotFinalised');
  const current = epochAt(config, ledger.slot) ?? 0n;
  const decided = isFinal ? (epochAt(config, epoch.finalisedSlot) ?? 0n) : epoch.epoch;
  rules.check(!(isFinal || isPassedOver) || current - decided >= parameterIn(config, 26, epoch.epoch), 'TooEarly');
  rules.stop();
  const end = ending(rules, 3, 0);
  return () => {
    const earned = rewardOf(epoch, vote);
    reward(validator, earned, current);
    vault.rewardsPaid += earned;
    epoch.votesPaid += earned;
    move(ledger, rules.key(5), rules.key(4), earned);
    epoch.openVotes--;
    end();
  };
};

/** P-51: payer, config, epochAccount, vault. */
export const closeEpochAccount: Instruction = (ledger, call) => {
  const rules = new Rules(ledger, call);
  const config = rules.read(1, 'config');
  const epoch = epochOf(rules, 2);
  const vault = rules.read(3, 'vault');
  const last = config.lastFinalisedEpoch;
  rules.check(rules.key(0) === epoch.payer, 'BadOwner');
  rules.check(last !== NONE && last >= epoch.epoch + 64n, 'TooEarly');
  rules.check(epoch.openVotes === 0, 'BadState');
  rules.stop();
  const end = ending(rules, 2, 0);
  return () => {
    if (epoch.state !== STATE.final) vault.settled += epoch.settledLamports;
    end();
  };
};
