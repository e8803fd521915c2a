import { at } from '../../model/addresses.ts';
import { minimumOf, VALIDATOR, WORKER, worth } from '../../model/amounts.ts';
import { type Key, ZERO } from '../../model/ledger.ts';
import { keyNamed, keyOf, type Name, VALIDATORS } from '../cast.ts';
import { fuzzParameters } from '../parameters.ts';
import type { Random } from '../random.ts';
import { all, configOf, type Stage } from '../stage.ts';
import { type Idea, type Step, send } from '../step.ts';

/** Initialises what is not initialised. */
export const initialising: Idea = (stage, random) => {
  const config = configOf(stage.ledger);
  const operator = keyOf('operator');
  if (config !== undefined && random.chance(70)) {
    return send('start', [operator, at.config], { signs: [operator] });
  }
  return send('initialise', [operator, at.config, at.vault], {
    signs: [operator],
    args: {
      ...{ genesis: keyNamed('genesis'), version: 1, parameters: fuzzParameters(random) },
      offchain_parameters_hash: keyNamed('off chain'),
    },
  });
};

/** Registers somebody who is not registered yet, or is. */
export const registering: Idea = (stage, random) => {
  const config = configOf(stage.ledger);
  if (config === undefined) return undefined;
  const name = random.pick<Name>([...VALIDATORS, 'worker 0', 'worker 1', 'gateway', 'gateway 1', 'spare 0', 'spare 1']);
  return name === undefined ? undefined : registrationOf(stage, name, random);
};

/** The registration of somebody, with the least bond of its role or some more. */
export function registrationOf(stage: Stage, name: Name, random: Random): Step | undefined {
  const parameters = configOf(stage.ledger)?.parameters ?? [];
  const owner = keyOf(name.startsWith('worker') ? 'worker owner' : 'operator');
  const identity = keyOf(name);
  const participant = at.participant(identity);
  const accounts = [owner, identity, at.config, participant, at.stake(participant, owner)];
  const signs = [owner, identity];
  const more = random.chance(50) ? 0n : random.amount(2_000_000_000n);
  if (name.startsWith('gateway')) {
    return send('register_gateway', accounts, { signs, args: { bond: (parameters[9] ?? 0n) + more } });
  }
  if (name.startsWith('worker')) {
    const capacity = 1 + random.below(2);
    const bond = (parameters[7] ?? 0n) * BigInt(capacity) + more;
    const models = [keyNamed('model'), ZERO, ZERO, ZERO];
    const args = { engine_class: keyNamed('class'), model_count: 1, models, bond, capacity };
    return send('register_worker', accounts, { signs, args });
  }
  const nothing = { has_secp256k1: 0, address: new Uint8Array(20), signature: new Uint8Array(64), recovery_id: 0 };
  return send('register_validator', accounts, { signs, args: { bond: (parameters[8] ?? 0n) + more, ...nothing } });
}

export const rotating: Idea = (stage, random) => {
  const one = random.pick(all(stage.ledger, 'participant'));
  if (one === undefined) return undefined;
  const free = (['spare 2', 'spare 3', 'spare 1'] as const).map(keyOf);
  const next = random.pick<Key>([...free, one.data.initialIdentity]) ?? one.data.identity;
  return send('rotate_identity', [one.data.owner, next, at.config, one.key], { signs: [one.data.owner, next] });
};

export const declaring: Idea = (stage, random) => {
  const config = configOf(stage.ledger);
  const one = random.pick(all(stage.ledger, 'participant').filter(({ data }) => data.role === WORKER));
  if (config === undefined || one === undefined) return undefined;
  const { ownUnits, slashIndex } = one.data;
  const unit = minimumOf(config, { ...one.data, capacity: [1, 1] });
  const most = worth(ownUnits, slashIndex) / unit;
  const capacity = Number(random.chance(80) ? random.amount(most) : most + 1n) || 1;
  return send('set_capacity', [one.data.owner, at.config, one.key], { signs: [one.data.owner], args: { capacity } });
};

export const settingCommission: Idea = (stage, random) => {
  const one = random.pick(all(stage.ledger, 'participant').filter(({ data }) => data.role === VALIDATOR));
  if (one === undefined) return undefined;
  const bps = random.chance(95) ? random.below(10_001) : 10_001;
  return send('set_commission', [one.data.owner, at.config, one.key], { signs: [one.data.owner], args: { bps } });
};
