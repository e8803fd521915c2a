import { at } from './addresses.ts';
import { GATEWAY, parameter } from './amounts.ts';
import { type Instruction, NONE } from './ledger.ts';
import { creating, ending } from './moves.ts';
import { Rules } from './rules.ts';

/** P-07: identity, config, gateway, chain. */
export const commitChain: Instruction = (ledger, call) => {
  const rules = new Rules(ledger, call);
  const [epoch, length] = [rules.u64('epoch'), rules.number('length')];
  const config = rules.read(1, 'config');
  const gateway = rules.read(2, 'participant');
  rules.check(gateway.role === GATEWAY, 'WrongRole');
  rules.check(rules.signs(0) && rules.key(0) === gateway.identity, 'WrongIdentity');
  const first = config.epochZeroSlot + epoch * parameter(config, 0);
  // The first slot of an epoch beyond every slot is no number any more.
  rules.check(config.started === 0 || first <= NONE, 'Overflow');
  rules.check(config.started === 0 || ledger.slot < first, 'EpochBegun');
  rules.check(length >= 1 && length <= 65_536, 'BadLength');
  const address = at.chain(rules.key(2), epoch);
  const make = creating(rules, { place: 3, payer: 0, address, kind: 'chain' });
  rules.stop();
  const commitment = rules.hash('commitment');
  return () => make([{ kind: 'chain', gateway: rules.key(2), epoch, commitment, length, committedSlot: ledger.slot }]);
};

/** P-53: config, gateway, owner, chain. */
export const closeChain: Instruction = (ledger, call) => {
  const rules = new Rules(ledger, call);
  const config = rules.read(0, 'config');
  const gateway = rules.read(1, 'participant');
  const chain = rules.read(3, 'chain');
  rules.check(chain.gateway === rules.key(1), 'BadPda');
  rules.check(rules.key(2) === gateway.owner, 'BadOwner');
  const last = config.lastFinalisedEpoch;
  rules.check(last !== NONE && last >= chain.epoch + 64n, 'TooEarly');
  rules.stop();
  return ending(rules, 3, 2);
};
