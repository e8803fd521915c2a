import { u32le, u64le } from '../protocol/bytes.ts';
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
  modelKeys(keys: KeysName): Address;
  keyAttestation(modelKeys: Address, validator: Address): Address;
  layer(modelKeys: Address, operator: number): Address;
  proven(record: ProvenName): Address;
  /** Of what a staker has behind a participant, in one kind of asset (`ASSET`). */
  stake(stake: StakeName): Address;
  /** The SPL Token account that holds staked tokens. */
  readonly tokenVault: Address;
  /** Of what a validator asked under a number of its own. */
  proposal(proposer: Address, nonce: bigint): Address;
  ballot(proposal: Address, validator: Address): Address;
  buffer(owner: Address, nonce: bigint): Address;
  finding(finder: Address, commitment: Uint8Array): Address;
  /** Of an offence, by its name (P-42). */
  offenceCase(offender: Address, offenceKey: Uint8Array): Address;
  /** Of a report by its hash (P-18), of a closed set by its manifest (P-48), and `FAULT`. */
  fault(hash: Uint8Array, kind: number): Address;
  /** Of a place of a report's lifetime tree, by registration index. */
  challenge(reportHash: Uint8Array, index: number): Address;
}

/** The keys of a model's operators as validators attest them (docs/proofs.md, Z-40). */
export interface KeysName {
  readonly modelId: Uint8Array;
  readonly keysRoot: Uint8Array;
  readonly keyCount: number;
}

/** What was proven of one token, as one payer recorded it. */
export interface ProvenName {
  readonly modelKeys: Address;
  readonly entryHash: Uint8Array;
  /** That of the set in which the entry stands. */
  readonly epoch: bigint;
  /** Of the token, from 0 over prompt and answer. */
  readonly position: number;
  readonly payer: Address;
}

/** A stake's name. */
export interface StakeName {
  readonly participant: Address;
  readonly staker: Address;
  /** `ASSET`. */
  readonly asset: number;
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
    modelKeys: ({ modelId, keysRoot, keyCount }) => derive('keys', modelId, keysRoot, u32le(keyCount)),
    keyAttestation: (modelKeys, validator) => derive('attestation', modelKeys, validator),
    layer: (modelKeys, operator) => derive('layer', modelKeys, u32le(operator)),
    proven: ({ modelKeys, entryHash, epoch, position, payer }) =>
      derive('proven', modelKeys, entryHash, u64le(epoch), u32le(position), payer),
    stake: ({ participant, staker, asset }) => derive('stake', participant, staker, new Uint8Array([asset])),
    tokenVault: derive('tokens'),
    proposal: (proposer, nonce) => derive('proposal', proposer, u64le(nonce)),
    ballot: (proposal, validator) => derive('ballot', proposal, validator),
    buffer: (owner, nonce) => derive('buffer', owner, u64le(nonce)),
    finding: (finder, commitment) => derive('finding', finder, commitment),
    offenceCase: (offender, offenceKey) => derive('case', offender, offenceKey),
    fault: (hash, kind) => derive('fault', hash, new Uint8Array([kind])),
    challenge: (reportHash, index) => derive('challenge', reportHash, u32le(index)),
  };
}
