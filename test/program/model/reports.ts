import { at } from './addresses.ts';
import { isLater, isQuorum, parameterIn, share } from './amounts.ts';
import { duty, epochOf, newVote, STATE, voteOf } from './epochs.ts';
import { balanceOf } from './escrow.ts';
import { innerNode, reportHash, sealOf, settlementLeaf } from './hashes.ts';
import type { Candidate, Config, Epoch, Instruction, Key, Report, Vote } from './ledger.ts';
import { NONE } from './ledger.ts';
import { creating, move } from './moves.ts';
import { Rules } from './rules.ts';

/** P-17: identity, config, validator, epochAccount, vote. */
export const postRoot: Instruction = (ledger, call) => {
  const rules = new Rules(ledger, call);
  const number = rules.u64('epoch');
  const config = rules.read(1, 'config');
  const stake = duty(rules, config, number);
  const epoch = epochOf(rules, 3);
  rules.check(epoch.state === STATE.final || isLater(config, number), 'WrongEpoch');
  rules.check(epoch.state === STATE.verdicts, 'BadState');
  rules.check(rules.number('attempt') === epoch.verdictAttempt, 'BadState');
  const [validator, payer] = [rules.key(2), rules.key(0)];
  const existing = ledger.accounts.get(rules.key(4))?.data;
  let make: ((data: readonly Vote[]) => void) | undefined;
  if (existing === undefined) {
    make = creating(rules, { place: 4, payer: 0, address: at.vote(number, validator), kind: 'vote' });
  } else {
    const vote = voteOf(rules, 4);
    rules.check(!vote.sealed || vote.sealAttempt !== epoch.verdictAttempt, 'AlreadyVoted');
  }
  rules.stop();
  return () => {
    make?.([newVote({ validator, epoch: number, stake, payer })]);
    if (make !== undefined) epoch.openVotes++;
    const vote = rules.read(4, 'vote');
    const late = isOpen(epoch, ledger.slot);
    Object.assign(vote, { sealed: true, late, sealAttempt: epoch.verdictAttempt, seal: rules.hash('seal') });
    const before = isQuorum(epoch.sealedStake, epoch.totalStake);
    epoch.sealedStake += vote.stake;
    if (!before && isQuorum(epoch.sealedStake, epoch.totalStake)) epoch.sealsSlot = ledger.slot;
  };
};

/** P-17, P-18: two thirds have sealed, and the rest too or eight slots went by. */
export function isOpen({ sealedStake, totalStake, sealsSlot }: Epoch, slot: bigint): boolean {
  return isQuorum(sealedStake, totalStake) && (sealedStake === totalStake || slot > sealsSlot + 8n);
}

/** P-32: who attests and keeps its salt back is not paid. */
export function keepsPay({ attested, saltRevealed }: Vote): boolean {
  return !attested || saltRevealed;
}

/** P-18: identity, config, validator, epochAccount, vote. */
export const revealRoot: Instruction = (ledger, call) => {
  const rules = new Rules(ledger, call);
  const number = rules.u64('epoch');
  const report = call.args.report as Report;
  const config = rules.read(1, 'config');
  duty(rules, config, number);
  const epoch = epochOf(rules, 3);
  const vote = voteOf(rules, 4);
  rules.check(epoch.state === STATE.verdicts || epoch.state === STATE.reported, 'BadState');
  rules.check(isOpen(epoch, ledger.slot), 'SealsIncomplete');
  rules.check(vote.sealed && vote.sealAttempt === epoch.verdictAttempt, 'NotVoted');
  const counted = vote.revealed && epoch.candidates.some((candidate) => candidate.reportHash === vote.reportHash);
  rules.check(!counted, 'AlreadyVoted');
  const { verdictsRoot } = epoch;
  const of = reportHash(config.domain, { epoch: number, verdictsRoot, report });
  const opened = { epoch: number, reportHash: of, salt: rules.hash('salt'), validator: rules.key(2) };
  rules.check(sealOf(config.domain, opened) === vote.seal, 'SealMismatch');
  const added: Candidate = {
    reportHash: of,
    stake: vote.stake,
    paidStake: keepsPay(vote) && !vote.late ? vote.stake : 0n,
  };
  const candidates = withCandidate(epoch.candidates, added);
  rules.check(candidates !== undefined, 'TooManyReports');
  const stake = candidates?.find((candidate) => candidate.reportHash === of)?.stake ?? 0n;
  const wins = epoch.state === STATE.verdicts && isQuorum(stake, epoch.totalStake);
  rules.check(report.priorRoot === config.lastRoot, 'StalePrior');
  rules.stop();
  return () => {
    vote.revealed = true;
    vote.reportHash = of;
    epoch.candidates = candidates ?? [];
    if (wins) Object.assign(epoch, { report, reportHash: of, state: STATE.reported, quorumSlot: ledger.slot });
  };
};

const MAX_CANDIDATES = 4;

/** P-18: the candidates with one vote more; undefined if there is no place for its report. */
function withCandidate(before: readonly Candidate[], added: Candidate): Candidate[] | undefined {
  const place = before.findIndex(({ reportHash: of }) => of === added.reportHash);
  const known = before[place];
  if (known !== undefined) {
    const grown = { ...known, stake: known.stake + added.stake, paidStake: known.paidStake + added.paidStake };
    return before.map((candidate, i) => (i === place ? grown : candidate));
  }
  if (before.length < MAX_CANDIDATES) return [...before, added];
  const least = before.reduce((a, b) => (b.stake < a.stake ? b : a));
  if (added.stake <= least.stake) return undefined;
  return before.map((candidate) => (candidate === least ? added : candidate));
}

/** One step of a settlement's path. */
export interface SumStep {
  readonly hash: Key;
  readonly sum: bigint;
}

/** T-02: the height of a tree, `ceil(log2(count))`. */
export function heightOf(count: number): number {
  let height = 0;
  while (2 ** height < count) height++;
  return height;
}

/** P-19: epochAccount, config, escrow, vault. */
export const settleEscrow: Instruction = (ledger, call) => {
  const rules = new Rules(ledger, call);
  const number = rules.u64('epoch');
  const [index, after, debit] = [rules.number('index'), rules.u64('cumulative_after'), rules.u64('debit')];
  const path = call.args.path as readonly SumStep[];
  const epoch = epochOf(rules, 0);
  const config = rules.read(1, 'config');
  const escrow = rules.read(2, 'escrow');
  const vault = rules.read(3, 'vault');
  rules.check(epoch.state === STATE.reported, 'BadState');
  rules.check(isLater(config, number), 'WrongEpoch');
  const { escrowCount, settlementsRoot, settlementsTotal } = epoch.report;
  const leaf = settlementLeaf(config.domain, number, { escrow: rules.key(2), cumulativeAfter: after, debit });
  const root = climb({ hash: leaf, sum: debit }, index, path);
  const reaches = root?.hash === settlementsRoot && root.sum === settlementsTotal;
  const fits = index < escrowCount && path.length === heightOf(escrowCount);
  if (root === undefined) rules.check(false, 'Overflow');
  rules.check(reaches && fits, 'BadPath');
  rules.check(escrow.lastSettledEpoch === NONE || escrow.lastSettledEpoch < number, 'AlreadySettled');
  rules.check(after >= debit, 'Overflow');
  rules.check(after < debit || after - debit === escrow.cumulativeDebit, 'BadAmount');
  rules.check(balanceOf(rules.lamports(2)) >= debit, 'EscrowShort');
  rules.check(after <= escrow.authorised, 'NoVoucher');
  rules.stop();
  return () => {
    escrow.cumulativeDebit = after;
    escrow.lastSettledEpoch = number;
    epoch.settledLamports += debit;
    epoch.settledCount++;
    vault.received += debit;
    move(ledger, rules.key(2), rules.key(3), debit);
  };
};

/** T-02: what a leaf reaches along its path; undefined if the sums leave 64 bits. */
function climb(leaf: SumStep, index: number, path: readonly SumStep[]): SumStep | undefined {
  let node = leaf;
  for (const [level, sibling] of path.entries()) {
    const sum = node.sum + sibling.sum;
    if (sum > NONE) return undefined;
    const isRight = Math.floor(index / 2 ** level) % 2 === 1;
    const [left, right] = isRight ? [sibling.hash, node.hash] : [node.hash, sibling.hash];
    node = { hash: innerNode(left, right, [sum]), sum };
  }
  return node;
}

/** P-20: epochAccount, config, vault. */
export const finalise: Instruction = (ledger, call) => {
  const rules = new Rules(ledger, call);
  const number = rules.u64('epoch');
  const epoch = epochOf(rules, 0);
  const config = rules.read(1, 'config');
  const vault = rules.read(2, 'vault');
  const { report, settledLamports: settled } = epoch;
  rules.check(epoch.state === STATE.reported, 'BadState');
  if (epoch.state !== STATE.reported) rules.stop();
  rules.check(isLater(config, number), 'WrongEpoch');
  rules.check(ledger.slot >= epoch.quorumSlot + parameterIn(config, 6, number), 'TooEarly');
  const isSettled = epoch.settledCount === report.escrowCount && settled === report.settlementsTotal;
  rules.check(isSettled, 'NotSettled');
  rules.check(report.priorRoot === config.lastRoot, 'StalePrior');
  rules.check(keepsCaps(config, epoch), 'CapExceeded');
  rules.stop();
  return () => {
    const reward = share(settled, parameterIn(config, 22, number));
    const winner = epoch.candidates.find(({ reportHash: of }) => of === epoch.reportHash);
    epoch.voteReward = reward;
    epoch.votePoints = epoch.saltStake + 2n * (winner?.paidStake ?? 0n);
    vault.rewards += reward;
    vault.settled += settled;
    epoch.state = STATE.final;
    epoch.finalisedSlot = ledger.slot;
    config.lastRoot = report.root;
    config.lastTotals = [...report.totals];
    config.lastFinalisedEpoch = number;
  };
};

/** P-20: what the totals may have grown by, at most. */
export function growthCaps(config: Config, epoch: Epoch): { readonly work: bigint; readonly rest: readonly bigint[] } {
  const of = (place: number): bigint => parameterIn(config, place, epoch.epoch);
  const { settledLamports: settled, report } = epoch;
  const participants = BigInt(report.participantCount);
  return {
    work: of(12) * share(settled, of(11)),
    rest: [
      of(13) * participants,
      of(14) * participants,
      of(15) * BigInt(epoch.validatorCount),
      share(settled, of(10) + of(23) + of(24)),
    ],
  };
}

function keepsCaps(config: Config, epoch: Epoch): boolean {
  const { report } = epoch;
  const growth = report.totals.map((total, i) => total - (config.lastTotals[i] ?? 0n));
  const [inference = 0n, seeding = 0n, uptime = 0n, redundancy = 0n, validation = 0n, owed = 0n] = growth;
  const caps = growthCaps(config, epoch);
  return (
    report.participantCount <= config.participantCount &&
    growth.every((by) => by >= 0n) &&
    inference + redundancy <= caps.work &&
    [seeding, uptime, validation, owed].every((by, i) => by <= (caps.rest[i] ?? 0n))
  );
}
