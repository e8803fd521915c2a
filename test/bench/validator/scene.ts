import { createPrivateKey, createPublicKey } from 'node:crypto';
import { clusterPreset } from '@karmesh/sdk/clusters';
import {
  type CandidateGroup,
  candidateGroup,
  constantWeight,
  type Domain,
  type Hash,
  hash,
  makeDomain,
  type Participant,
  u64le,
  type WorkerAccount,
  ZERO_HASH,
} from '@karmesh/sdk/protocol';
import { type Keypair, keypairFromSecret } from '@karmesh/sdk/runtime';

/** Gateways share the load, since a chain of one has at most 65,536 numbers in an epoch. */
const GATEWAYS = 8;
const WORKERS = 48;
const VALIDATORS = 4;
const ESCROWS_PER_GATEWAY = 64;
export const CHAIN_LENGTH = 65_536;
/** Entries of one batch; gateways publish once a second at most. */
export const BATCH_ENTRIES = 512;
export const RECEIPTS_PER_ENTRY = 3;
export const SLOTS_PER_EPOCH = 9000n;
/** The greatest epoch that the scene is made for: receipts, rounded up to whole batches. */
export const MOST_RECEIPTS = 1_000_000;

export interface SceneParticipant {
  readonly address: Participant;
  readonly index: number;
  readonly roleOrdinal: number;
  readonly keypair: Keypair;
}

/** A cluster of which everything follows from names, so that the process that makes an epoch and the one that judges it agree. */
export interface Scene {
  readonly domain: Domain;
  readonly gateways: readonly SceneParticipant[];
  readonly workers: readonly SceneParticipant[];
  readonly validators: readonly SceneParticipant[];
  readonly accounts: readonly WorkerAccount[];
  readonly group: CandidateGroup;
  readonly engineClass: Hash;
  readonly modelId: Hash;
  readonly activeParameters: bigint;
  escrow(gateway: number, number: number): Uint8Array;
  /** Addresses of all escrows with the gateway that each pays through. */
  readonly escrows: readonly { readonly address: Uint8Array; readonly gateway: Participant }[];
  slotHash(slot: bigint): Hash;
  /** The end of a gateway's hash chain, from which its preimages come. */
  chainSecret(gateway: number): Hash;
}

/** 32 bytes that stand for a name. */
export function named(name: string): Uint8Array {
  return hash(new TextEncoder().encode(`karmesh:bench:${name}`));
}

export function scene(): Scene {
  const domain = makeDomain({ genesisHash: named('genesis'), programId: named('program') });
  let index = 0;
  const people = (role: string, count: number): readonly SceneParticipant[] =>
    Array.from({ length: count }, (_, roleOrdinal) => ({
      address: named(`${role} ${roleOrdinal}`),
      index: index++,
      roleOrdinal,
      keypair: keypairOf(named(`key of ${role} ${roleOrdinal}`)),
    }));
  const gateways = people('gateway', GATEWAYS);
  const workers = people('worker', WORKERS);
  const validators = people('validator', VALIDATORS);
  const engineClass = named('class');
  const modelId = named('model');
  const accounts = workers.map(
    (worker): WorkerAccount => ({
      address: worker.address,
      index: worker.index,
      identity: worker.keypair.publicKey,
      previousIdentity: ZERO_HASH,
      identityFromEpoch: 0n,
      weights: constantWeight(1n),
      capacity: [1, 1],
      capacityFromEpoch: 0n,
      weightKarma: [BigInt(worker.roleOrdinal) * 200_000n, 0n],
      weightFromEpoch: 1n,
      engineClass,
      models: [modelId],
    }),
  );
  const escrow = (gateway: number, number: number): Uint8Array => named(`escrow ${gateway} ${number}`);
  return {
    domain,
    gateways,
    workers,
    validators,
    accounts,
    group: candidateGroup(accounts, { epoch: 0n, engineClass, modelId }, clusterPreset('devnet').offchain),
    engineClass,
    modelId,
    activeParameters: 3_279_104n,
    escrow,
    escrows: gateways.flatMap(({ address }, gateway) =>
      Array.from({ length: ESCROWS_PER_GATEWAY }, (_, i) => ({ address: escrow(gateway, i), gateway: address })),
    ),
    slotHash: (slot) => hash(named('slot'), u64le(slot)),
    chainSecret: (gateway) => named(`chain ${gateway}`),
  };
}

/** Which escrow pays for a gateway's dispatch. */
export function escrowNumber(dispatchNumber: number): number {
  return dispatchNumber % ESCROWS_PER_GATEWAY;
}

function keypairOf(seed: Uint8Array): Keypair {
  const prefix = [48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32];
  const key = createPrivateKey({ key: Buffer.from([...prefix, ...seed]), format: 'der', type: 'pkcs8' });
  const publicKey = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(12);
  return keypairFromSecret(new Uint8Array([...seed, ...publicKey]));
}
