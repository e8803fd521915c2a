import {
  type Asked,
  type BallotAccount,
  closeBallot,
  closeProposal,
  decodeBallot,
  decodeProposal,
  executeProposal,
  type ProposalAccount,
  propose,
  voteProposal,
} from '@karmesh/sdk/program';
import type { Ran } from './ledger/ledger.ts';
import { firstSlot, type Member, must, readConfig, type World } from './world.ts';

/** The instruction by which a validator asks. */
export function proposing(world: World, validator: Member, nonce: bigint, asked: Asked) {
  const keys = { identity: validator.identity.publicKey, validator: validator.address };
  return propose(world.addresses, { ...keys, nonce, asked });
}

export async function sendPropose(world: World, validator: Member, nonce: bigint, asked: Asked): Promise<Uint8Array> {
  await world.ledger.send([proposing(world, validator, nonce, asked)], [validator.identity]);
  return world.addresses.proposal(validator.address, nonce);
}

export function voting(world: World, validator: Member, proposal: Uint8Array) {
  const keys = { identity: validator.identity.publicKey, validator: validator.address };
  return voteProposal(world.addresses, { ...keys, proposal });
}

export function sendYes(world: World, validator: Member, proposal: Uint8Array): Promise<Ran> {
  return world.ledger.send([voting(world, validator, proposal)], [validator.identity]);
}

export function sendExecute(world: World, proposal: Uint8Array, recipient?: Uint8Array): Promise<Ran> {
  const to = recipient === undefined ? {} : { recipient };
  return world.ledger.send([executeProposal(world.addresses, { proposal, ...to })], [world.operator]);
}

export function sendCloseProposal(world: World, proposal: Uint8Array, payer: Uint8Array): Promise<Ran> {
  return world.ledger.send([closeProposal(world.addresses, { proposal, payer })], [world.operator]);
}

export function sendCloseBallot(world: World, of: Member, proposal: Uint8Array): Promise<Ran> {
  const names = { proposal, validator: of.address, payer: of.identity.publicKey };
  return world.ledger.send([closeBallot(world.addresses, names)], [world.operator]);
}

/** The first validator asks, and all validators say yes until it has passed. */
export async function passed(world: World, nonce: bigint, asked: Asked): Promise<Uint8Array> {
  const [first] = world.validators as [Member];
  const proposal = await sendPropose(world, first, nonce, asked);
  for (const validator of world.validators) {
    await sendYes(world, validator, proposal);
    if ((await readProposal(world, proposal)).passedEpoch < 1n << 60n) return proposal;
  }
  throw new RangeError('All validators together do not pass a proposal.');
}

export async function readProposal({ ledger }: World, proposal: Uint8Array): Promise<ProposalAccount> {
  return decodeProposal(await must(ledger.account(proposal)));
}

export async function readBallot(
  { ledger, addresses }: World,
  proposal: Uint8Array,
  of: Member,
): Promise<BallotAccount> {
  return decodeBallot(await must(ledger.account(addresses.ballot(proposal, of.address))));
}

export async function untilEpoch(world: World, epoch: bigint): Promise<void> {
  await world.ledger.untilSlot(await firstSlot(world, epoch));
}

export async function currentEpoch(world: World): Promise<bigint> {
  const { epochZeroSlot } = await readConfig(world);
  return ((await world.ledger.slot()) - epochZeroSlot) / world.parameters.slotsPerEpoch;
}
