import { u64le } from '../protocol/bytes.ts';
import type { Address } from './address.ts';
import { findProgramAddress } from './findProgramAddress.ts';

/** The addresses that the program derives (docs/protocol.md, Accounts). */
export interface ProgramAddresses {
  readonly programId: Address;
  readonly config: Address;
  readonly vault: Address;
  /** Of a participant, from the identity that it registered with. */
  participant(initialIdentity: Address): Address;
  chain(gateway: Address, epoch: bigint): Address;
  escrow(gateway: Address, buyer: Address): Address;
  epoch(epoch: bigint): Address;
  vote(epoch: bigint, validator: Address): Address;
}

export function programAddresses(programId: Address): ProgramAddresses {
  const derive = (name: string, ...seeds: readonly Uint8Array[]): Address =>
    findProgramAddress([new TextEncoder().encode(name), ...seeds], programId);
  return {
    programId,
    config: derive('config'),
    vault: derive('vault'),
    participant: (initialIdentity) => derive('participant', initialIdentity),
    chain: (gateway, epoch) => derive('chain', gateway, u64le(epoch)),
    escrow: (gateway, buyer) => derive('escrow', gateway, buyer),
    epoch: (epoch) => derive('epoch', u64le(epoch)),
    vote: (epoch, validator) => derive('vote', u64le(epoch), validator),
  };
}
