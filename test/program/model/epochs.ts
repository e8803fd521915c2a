import { at } from './addresses.ts';
import { isLater, isQuorum, parameterIn, VALIDATOR, weightAt } from './amounts.ts';
import { beaconOf, type Manifest, manifestHash, saltHash, saltShare } from './hashes.ts';
import { type Config, type Effect, type Epoch, type Instruction, type Key, type Vote, ZERO } from './ledger.ts';
import { creating } from './moves.ts';
import { Rules } from './rules.ts';

export const STATE = { closed: 1, attested: 2, beacon: 3, verdicts: 4, reported: 5, final: 6 } as const;

/** Who does a validator's duty in an epoch: its newest identity signs, and it has a weight there (P-28). Returns the weight. */
export function duty(rules: Rules, config: Config, epoch: bigint): bigint {
  const validator = rules.read(2, 'participant');
  rules.check(validator.role === VALIDATOR, 'WrongRole');
  rules.check(rules.signs(0) && rules.key(0) === validator.identity, 'WrongIdentity');
  const weight = weightAt(validator.weights, epoch);
  rules.check(weight !== undefined, 'TooLate');
  rules.check(weight === undefined || weight > 0n, 'NotActive');
  const floorHolds = epoch >= parameterIn(config, 37, epoch);
  rules.check(!floorHolds || (validator.karma[4] ?? 0n) >= parameterIn(config, 36, epoch), 'NotActive');
  return weight ?? 0n;
}

/** The account of the epoch that the arguments name. */
export function epochOf(rules: Rules, place: number): Epoch {
  const epoch = rules.read(place, 'epoch');
  rules.check(epoch.epoch === rules.u64('epoch'), 'WrongEpoch');
  return epoch;
}

interface Turn {
  readonly epoch: bigint;
  readonly from: bigint;
  readonly window: bigint;
  readonly validators: bigint;
}

/** How many windows have passed, or undefined if it is not yet anybody's turn. */
export function attemptAt({ from, window }: Turn, slot: bigint): bigint | undefined {
  return slot < from ? undefined : (slot - from) / window;
}

export function checkTurn(rules: Rules, turn: Turn): bigint {
  const attempt = attemptAt(turn, rules.ledger.slot);
  rules.check(attempt !== undefined, 'TooEarly');
  const { roleOrdinal } = rules.read(2, 'participant');
  if (attempt === undefined) return 0n;
  const isTheirs =
    turn.validators > 0n && ((turn.epoch + attempt) & ((1n << 64n) - 1n)) % turn.validators === BigInt(roleOrdinal);
  rules.check(isTheirs, 'NotProposer');
  return attempt;
}

/** P-12: whose turn it is to close an epoch. */
export function closingTurn(config: Config, epoch: bigint): Turn {
  const first = config.epochZeroSlot + (epoch + 1n) * (config.parameters[0] ?? 1n);
  const validators = weightAt(config.validators, epoch) ?? 0n;
  return { epoch, from: first + parameterIn(config, 1, epoch), window: parameterIn(config, 2, epoch), validators };
}

/** P-12: identity, config, validator, epochAccount. */
export const closeEpoch: Instruction = (ledger, call) => {
  const rules = new Rules(ledger, call);
  const number = rules.u64('epoch');
  const config = rules.read(1, 'config');
  if (config.started === 0) {
    rules.check(false, 'NotStarted');
    duty(rules, config, number);
    rules.stop();
  }
  rules.check(isLater(config, number), 'WrongEpoch');
  // The first slot of an epoch beyond every slot is no number any more.
  rules.check(number < 1n << 50n, 'Overflow');
  duty(rules, config, number);
  const totalStake = weightAt(config.stake, number);
  rules.check(totalStake !== undefined && weightAt(config.validators, number) !== undefined, 'TooLate');
  const turn = closingTurn(config, number);
  const attempt = checkTurn(rules, turn);
  const existing = ledger.accounts.get(rules.key(3))?.data;
  let make: ((data: readonly Epoch[]) => void) | undefined;
  if (existing === undefined) {
    make = creating(rules, { place: 3, payer: 0, address: at.epoch(number), kind: 'epoch' });
  } else {
    const epoch = epochOf(rules, 3);
    const free = epoch.state === STATE.closed && epoch.attestedStake === 0n;
    rules.check(free, 'BadState');
    const earlier = attemptAt(turn, epoch.closeSlot) ?? 0n;
    rules.check(!free || attempt > earlier, 'NotProposer');
  }
  rules.stop();
  return () => {
    make?.([newEpoch(number, rules.key(0))]);
    const manifest: Manifest = {
      ...{ epoch: number, receiptSetRoot: rules.hash('receipt_set_root'), entryCount: rules.number('entry_count') },
      ...{ candidatesRoot: rules.hash('candidates_root'), slotHashesRoot: rules.hash('slot_hashes_root') },
      escrowsRoot: rules.hash('escrows_root'),
    };
    Object.assign(rules.read(3, 'epoch'), {
      ...{ ...manifest, totalStake, validatorCount: Number(turn.validators), closeSlot: ledger.slot },
      ...{ manifestHash: manifestHash(config.domain, manifest), proposer: rules.key(2) },
    });
  };
};

function newEpoch(epoch: bigint, payer: Key): Epoch {
  const report = {
    ...{ root: ZERO, totals: [0n, 0n, 0n, 0n, 0n, 0n], participantCount: 0, settlementsRoot: ZERO },
    ...{ settlementsTotal: 0n, escrowCount: 0, carriedRoot: ZERO, carriedCount: 0, priorRoot: ZERO, claimsRoot: ZERO },
  };
  return {
    ...{ kind: 'epoch', epoch, state: STATE.closed, totalStake: 0n, validatorCount: 0, entryCount: 0, payer },
    ...{ manifestHash: ZERO, receiptSetRoot: ZERO, candidatesRoot: ZERO, slotHashesRoot: ZERO, escrowsRoot: ZERO },
    ...{ closeSlot: 0n, proposer: ZERO, attestedStake: 0n, attestedSlot: 0n, saltAccumulator: ZERO, saltCount: 0 },
    ...{ verdictAttempt: 0, beaconTargetSlot: 0n, beaconSlot: 0n, beacon: ZERO, verdictsRoot: ZERO, verdictCount: 0 },
    ...{ verdictsSlot: 0n, verdictsProposer: ZERO, sealedStake: 0n, candidates: [], reportHash: ZERO, report },
    sealsSlot: 0n,
    ...{ quorumSlot: 0n, settledLamports: 0n, settledCount: 0, finalisedSlot: 0n, saltStake: 0n },
    ...{ voteReward: 0n, votePoints: 0n, votesPaid: 0n, openVotes: 0 },
  };
}

export function newVote(of: { validator: Key; epoch: bigint; stake: bigint; payer: Key }): Vote {
  return {
    ...{
      kind: 'vote',
      ...of,
      attested: false,
      saltRevealed: false,
      sealed: false,
      revealed: false,
      late: false,
      sealAttempt: 0,
    },
    ...{ saltHash: ZERO, seal: ZERO, reportHash: ZERO },
  };
}

/** P-13: identity, config, validator, epochAccount, vote. */
export const attest: Instruction = (ledger, call) => {
  const rules = new Rules(ledger, call);
  const number = rules.u64('epoch');
  const config = rules.read(1, 'config');
  const stake = duty(rules, config, number);
  const epoch = epochOf(rules, 3);
  rules.check(epoch.state === STATE.final || isLater(config, number), 'WrongEpoch');
  rules.check(epoch.state === STATE.closed || epoch.state === STATE.attested, 'BadState');
  const until = epoch.attestedSlot + parameterIn(config, 3, number);
  rules.check(epoch.state !== STATE.attested || ledger.slot <= until, 'TooLate');
  rules.check(rules.hash('manifest_hash') === epoch.manifestHash, 'WrongManifest');
  const [validator, payer] = [rules.key(2), rules.key(0)];
  const address = at.vote(number, validator);
  rules.check(ledger.accounts.get(rules.key(4))?.data === undefined, 'AlreadyVoted');
  const make = creating(rules, { place: 4, payer: 0, address, kind: 'vote' });
  rules.stop();
  return () => {
    make([
      { ...newVote({ validator, epoch: number, stake, payer }), attested: true, saltHash: rules.hash('salt_hash') },
    ]);
    epoch.openVotes++;
    epoch.attestedStake += stake;
    if (epoch.state === STATE.attested || !isQuorum(epoch.attestedStake, epoch.totalStake)) return;
    epoch.state = STATE.attested;
    epoch.attestedSlot = ledger.slot;
    epoch.beaconTargetSlot = ledger.slot + parameterIn(config, 4, number);
  };
};

/** The vote of the acting validator in the epoch that the arguments name. */
export function voteOf(rules: Rules, place: number): Vote {
  const vote = rules.read(place, 'vote');
  rules.check(vote.validator === rules.key(2) && vote.epoch === rules.u64('epoch'), 'BadPda');
  return vote;
}

/** P-14: identity, config, validator, epochAccount, vote. */
export const revealSalt: Instruction = (ledger, call) => {
  const rules = new Rules(ledger, call);
  const number = rules.u64('epoch');
  const config = rules.read(1, 'config');
  duty(rules, config, number);
  const epoch = epochOf(rules, 3);
  const vote = voteOf(rules, 4);
  const salted = { epoch: number, validator: rules.key(2), salt: rules.hash('salt') };
  const isAttested = epoch.state === STATE.attested;
  rules.check(isAttested, 'BadState');
  const inTime = ledger.slot <= epoch.attestedSlot + parameterIn(config, 3, number);
  rules.check(!isAttested || (inTime && ledger.slot < epoch.beaconTargetSlot), 'TooLate');
  rules.check(vote.attested, 'NotVoted');
  rules.check(!vote.saltRevealed, 'AlreadyVoted');
  rules.check(saltHash(config.domain, salted) === vote.saltHash, 'SaltMismatch');
  rules.stop();
  return () => {
    vote.saltRevealed = true;
    epoch.saltAccumulator = xor(epoch.saltAccumulator, saltShare(config.domain, salted));
    epoch.saltCount++;
    epoch.saltStake += vote.stake;
  };
};

function xor(a: Key, b: Key): Key {
  return (BigInt(`0x${a}`) ^ BigInt(`0x${b}`)).toString(16).padStart(64, '0');
}

/** Slots whose hashes the sysvar keeps. */
const KEPT_SLOTS = 512n;

/** The hash that the machine of the fuzz gives a slot: its number, so that nobody has to keep it. */
export function slotHash(slot: bigint): Key {
  return slot.toString(16).padStart(64, '0');
}

/** P-15: epochAccount, config. Every slot has a hash. */
export const recordBeacon: Instruction = (ledger, call): Effect => {
  const rules = new Rules(ledger, call);
  const number = rules.u64('epoch');
  const epoch = epochOf(rules, 0);
  const config = rules.read(1, 'config');
  rules.check(epoch.state === STATE.attested, 'BadState');
  const target = epoch.beaconTargetSlot;
  rules.check(ledger.slot > target, 'TooEarly');
  rules.stop();
  const oldest = ledger.slot > KEPT_SLOTS ? ledger.slot - KEPT_SLOTS : 0n;
  if (oldest > target) {
    return () => {
      const steps = (ledger.slot - target + KEPT_SLOTS - 1n) / KEPT_SLOTS;
      epoch.beaconTargetSlot += KEPT_SLOTS * steps;
    };
  }
  return () => {
    epoch.state = STATE.beacon;
    epoch.beaconSlot = target;
    const accumulator = epoch.saltAccumulator;
    epoch.beacon = beaconOf(config.domain, { epoch: number, slotHash: slotHash(target), accumulator });
  };
};

/** P-16: whose turn it is to post verdicts. */
export function verdictsTurn(config: Config, epoch: Epoch): Turn {
  const from = epoch.beaconTargetSlot + parameterIn(config, 5, epoch.epoch);
  const validators = BigInt(epoch.validatorCount);
  return { epoch: epoch.epoch, from, window: parameterIn(config, 2, epoch.epoch), validators };
}

/** P-16: identity, config, validator, epochAccount. */
export const postVerdicts: Instruction = (ledger, call) => {
  const rules = new Rules(ledger, call);
  const config = rules.read(1, 'config');
  duty(rules, config, rules.u64('epoch'));
  const epoch = epochOf(rules, 3);
  const isOpen = epoch.state === STATE.beacon || epoch.state === STATE.verdicts;
  rules.check(isOpen, 'BadState');
  if (!isOpen) rules.stop();
  const attempt = Number(checkTurn(rules, verdictsTurn(config, epoch))) + 1;
  if (epoch.state === STATE.verdicts) {
    rules.check(attempt > epoch.verdictAttempt, 'NotProposer');
    rules.check(!isQuorum(epoch.sealedStake, epoch.totalStake), 'TooLate');
  }
  rules.stop();
  return () => {
    Object.assign(epoch, {
      ...{ state: STATE.verdicts, verdictAttempt: attempt, verdictsRoot: rules.hash('verdicts_root') },
      ...{ verdictCount: rules.number('verdict_count'), verdictsSlot: ledger.slot, verdictsProposer: rules.key(2) },
      sealedStake: 0n,
    });
  };
};
