import { at } from './addresses.ts';
import {
  epochAt,
  GATEWAY,
  minimumOf,
  nextEpoch,
  reweigh,
  setWeight,
  VALIDATOR,
  WHOLE,
  WORKER,
  worth,
} from './amounts.ts';
import { type Config, type Effect, type Instruction, type Participant, type Stake, ZERO } from './ledger.ts';
import { creating } from './moves.ts';
import { Rules } from './rules.ts';

interface Registered {
  readonly role: number;
  readonly capacity: number;
  readonly engineClass?: string;
  readonly models?: readonly string[];
}

/** P-03 to P-05: owner, identity, config, participant, stake. */
function registering(rules: Rules, { role, capacity, engineClass, models = [] }: Registered): Effect {
  const { ledger } = rules;
  const bond = rules.u64('bond');
  rules.check(rules.signs(1), 'WrongIdentity');
  const config = rules.read(2, 'config');
  notPaused(rules, config);
  const [owner, identity] = [rules.key(0), rules.key(1)];
  const address = at.participant(identity);
  const make = creating(
    rules,
    { place: 3, payer: 0, address, kind: 'participant', extra: bond },
    { place: 4, payer: 0, address: at.stake(address, owner), kind: 'stake' },
  );
  const participant: Participant = {
    version: config.version,
    ...{ kind: 'participant', role, index: config.participantCount, owner, identity, previousIdentity: identity },
    ...{ identityFromEpoch: 0n, initialIdentity: identity, ownUnits: bond },
    ...{ activeFromEpoch: nextEpoch(config, ledger.slot), roleOrdinal: countOf(config, role), openCases: 0 },
    ...{ karma: [0n, 0n, 0n, 0n, 0n], karmaSlot: 0n, lifetime: [0n, 0n, 0n, 0n, 0n], lifetimePaid: 0n },
    ...{ weightKarma: [0n, 0n], weightFromEpoch: 0n, engineClass: engineClass ?? ZERO, models: [...models] },
    ...{ capacity: [capacity, capacity], capacityFromEpoch: 0n, slashIndex: WHOLE, units: bond, unbondingUnits: 0n },
    ...{ rewardPerUnit: 0n, rewardLamports: 0n, commissionLamports: 0n, commissionBps: [0, 0] },
    ...{ commissionFromEpoch: 0n, weights: [] },
  };
  rules.check(bond >= minimumOf(config, participant), 'BondTooSmall');
  rules.stop();
  return () => {
    make([participant, newStake(address, owner, bond)]);
    config.participantCount++;
    if (role === WORKER) config.workerCount++;
    if (role === GATEWAY) config.gatewayCount++;
    if (role === VALIDATOR) {
      config.validatorCount++;
      setWeight(config.validators, nextEpoch(config, ledger.slot), BigInt(config.validatorCount));
    }
    reweigh(config, participant, ledger.slot);
  };
}

function countOf(config: Config, role: number): number {
  if (role === WORKER) return config.workerCount;
  return role === VALIDATOR ? config.validatorCount : config.gatewayCount;
}

/** P-37. */
export function notPaused(rules: Rules, config: Config): void {
  rules.check((epochAt(config, rules.ledger.slot) ?? 0n) >= config.pausedUntilEpoch, 'Paused');
}

export function newStake(participant: string, staker: string, units: bigint): Stake {
  return {
    ...{ kind: 'stake', participant, staker, units, rewardPerUnit: 0n, rewardLamports: 0n },
    ...{ unbondingUnits: 0n, releasedUnits: 0n, unbondingFromSlot: 0n },
  };
}

/** P-03. */
export const registerWorker: Instruction = (ledger, call) => {
  const rules = new Rules(ledger, call);
  const count = rules.number('model_count');
  const models = call.args.models as readonly string[];
  const capacity = rules.number('capacity');
  rules.check(count >= 1 && count <= 4, 'BadModels');
  rules.check(
    models.every((model, i) => (model !== ZERO) === i < count),
    'BadModels',
  );
  rules.check(capacity > 0, 'BadAmount');
  return registering(rules, { role: WORKER, capacity, engineClass: rules.hash('engine_class'), models });
};

/** P-04, without an address of another chain. */
export const registerValidator: Instruction = (ledger, call) => {
  const rules = new Rules(ledger, call);
  const proof = [call.args.address, call.args.signature] as Uint8Array[];
  const nothing = rules.number('recovery_id') === 0 && proof.every((bytes) => bytes.every((byte) => byte === 0));
  rules.check(rules.number('has_secp256k1') === 0 && nothing, 'BadSecp256k1');
  return registering(rules, { role: VALIDATOR, capacity: 1 });
};

/** P-05. */
export const registerGateway: Instruction = (ledger, call) =>
  registering(new Rules(ledger, call), { role: GATEWAY, capacity: 1 });

/** P-06: owner, new identity, config, participant. */
export const rotateIdentity: Instruction = (ledger, call) => {
  const rules = new Rules(ledger, call);
  const config = rules.read(2, 'config');
  const participant = rules.read(3, 'participant');
  rules.check(rules.signs(0) && rules.key(0) === participant.owner, 'BadOwner');
  rules.check(rules.signs(1), 'WrongIdentity');
  rules.check(participant.identityFromEpoch <= (epochAt(config, ledger.slot) ?? 0n), 'IdentityPending');
  rules.stop();
  return () => {
    participant.previousIdentity = participant.identity;
    participant.identity = rules.key(1);
    participant.identityFromEpoch = nextEpoch(config, ledger.slot);
  };
};

/** P-33: owner, config, participant. */
export const setCapacity: Instruction = (ledger, call) => {
  const rules = new Rules(ledger, call);
  const capacity = rules.number('capacity');
  const config = rules.read(1, 'config');
  const participant = rules.read(2, 'participant');
  const isWorker = participant.role === WORKER;
  rules.check(isWorker, 'WrongRole');
  rules.check(rules.signs(0) && rules.key(0) === participant.owner, 'BadOwner');
  rules.check(capacity > 0, 'BadAmount');
  const from = nextEpoch(config, ledger.slot);
  const changed = { ...participant, capacity: [newest(participant, from), capacity] };
  const own = worth(participant.ownUnits, participant.slashIndex);
  rules.check(!isWorker || own >= minimumOf(config, changed), 'BondTooSmall');
  rules.stop();
  return () => {
    participant.capacity = changed.capacity;
    participant.capacityFromEpoch = from;
    reweigh(config, participant, ledger.slot);
  };
};

/** The capacity until a new one holds: another one in the same epoch replaces what has not held yet. */
function newest({ capacity, capacityFromEpoch }: Participant, from: bigint): number {
  return capacity[capacityFromEpoch < from ? 1 : 0] ?? 0;
}

/** P-34: owner, config, participant. */
export const setCommission: Instruction = (ledger, call) => {
  const rules = new Rules(ledger, call);
  const bps = rules.number('bps');
  const config = rules.read(1, 'config');
  const participant = rules.read(2, 'participant');
  const current = epochAt(config, ledger.slot) ?? 0n;
  rules.check(participant.role === VALIDATOR, 'WrongRole');
  rules.check(rules.signs(0) && rules.key(0) === participant.owner, 'BadOwner');
  rules.check(bps <= 10_000, 'BadAmount');
  rules.check(participant.commissionFromEpoch <= current, 'TooEarly');
  rules.stop();
  return () => {
    const before = participant.commissionBps[1] ?? 0;
    const coolDown = config.parameters[25] ?? 0n;
    participant.commissionBps = [before, bps];
    participant.commissionFromEpoch = bps > before ? current + coolDown : nextEpoch(config, ledger.slot);
  };
};
