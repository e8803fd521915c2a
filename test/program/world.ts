import { secp256k1Proof } from '@karmesh/sdk/participant';
import {
  ASSET,
  type ConfigAccount,
  commitChain,
  decodeConfig,
  decodeEpoch,
  decodeEscrow,
  decodeGatewayChain,
  decodeParticipant,
  decodeStake,
  decodeVault,
  decodeVote,
  type EpochAccount,
  type EscrowAccount,
  initialise,
  NONE,
  openEscrow,
  type ParticipantAccount,
  type ProgramAddresses,
  programAddresses,
  registerGateway,
  registerValidator,
  registerWorker,
  type StakeAccount,
  start,
  type VaultAccount,
  type VoteAccount,
} from '@karmesh/sdk/program';
import {
  CHAIN_PARAMETERS,
  type ChainParameters,
  makeDomain,
  PROTOCOL_VERSION,
  type Weights,
} from '@karmesh/sdk/protocol';
import type { Keypair, Secp256k1Key } from '@karmesh/sdk/runtime';
import { namedHash, namedKey } from './keys.ts';
import type { Ledger } from './ledger/ledger.ts';

export const SOL = 1_000_000_000n;

/** Short periods, so that a real cluster of 50 ms slots runs an epoch in seconds. */
export const PARAMETERS: ChainParameters = {
  slotsPerEpoch: 64n,
  closeDelaySlots: 2n,
  proposerWindowSlots: 40n,
  saltRevealSlots: 40n,
  beaconDelaySlots: 44n,
  auditSlots: 4n,
  challengeSlots: 4n,
  minWorkerBond: SOL,
  minValidatorBond: 2n * SOL,
  minGatewayBond: 3n * SOL,
  workerShareBps: 8_000n,
  feeShareBps: 500n,
  kappaMicroKarmaPerLamport: 10n,
  seedingCapMicroKarma: 1_000n,
  uptimeCapMicroKarma: 2_000n,
  validationCapMicroKarma: 3_000n,
  inferenceHalfLifeSlots: 1_000n,
  seedingHalfLifeSlots: 2_000n,
  uptimeHalfLifeSlots: 3_000n,
  redundancyHalfLifeSlots: 1_000n,
  validationHalfLifeSlots: 5_000n,
  listPriceLamports: 1n,
  voteShareBps: 1_000n,
  auditShareBps: 0n,
  gatewayShareBps: 0n,
  coolDownEpochs: 4n,
  evidenceEpochs: 0n,
  slashDelayEpochs: 1n,
  slashCapBps: 5_000n,
  doubleSignBps: 5_000n,
  falseVoteBps: 2_000n,
  silenceBps: 1_000n,
  finderShareBps: 1_000n,
  harmedShareBps: 2_000n,
  claimCapBps: 10_000n,
  proposalDelayEpochs: 1n,
  validatorKarmaFloor: 0n,
  karmaFloorFromEpoch: NONE,
  challengeAnswerSlots: 32n,
  challengeBondLamports: 10_000_000n,
};

export const OFFCHAIN_HASH = namedHash('offchain parameters');
export const ENGINE_CLASS = namedHash('engine class');
export const MODEL = namedHash('model');

/** A participant with both its keys. */
export interface Member {
  readonly owner: Keypair;
  readonly identity: Keypair;
  readonly address: Uint8Array;
}

/** A cluster with everybody registered, before `start`. */
export interface World<L extends Ledger = Ledger> {
  readonly ledger: L;
  readonly addresses: ProgramAddresses;
  readonly domain: Uint8Array;
  readonly parameters: ChainParameters;
  /** Pays, initialised, and owns every participant but the workers. */
  readonly operator: Keypair;
  readonly validators: readonly Member[];
  readonly workers: readonly Member[];
  readonly gateway: Member;
  readonly buyer: Keypair;
  readonly escrow: Uint8Array;
}

export function parameterList(parameters: ChainParameters): bigint[] {
  return CHAIN_PARAMETERS.map((name) => parameters[name]);
}

export function member(addresses: ProgramAddresses, name: string, owner: Keypair): Member {
  const identity = namedKey(name);
  return { owner, identity, address: addresses.participant(identity.publicKey) };
}

export interface WorldOptions {
  readonly parameters?: Partial<ChainParameters>;
  /** Bonds of the validators in SOL; four of equal stake unless told. */
  readonly stakes?: readonly bigint[];
  /** Keys of EVM chains that the first validators prove (P-04). */
  readonly evmKeys?: readonly Secp256k1Key[];
}

/** Initialises the program and registers four validators, two workers and a gateway with an escrow of 10 SOL and a chain for epoch 0. */
export async function buildWorld<L extends Ledger>(ledger: L, options: WorldOptions = {}): Promise<World<L>> {
  const addresses = programAddresses(ledger.programId);
  const domain = makeDomain({ genesisHash: ledger.genesis, programId: ledger.programId });
  const operator = namedKey('operator');
  const buyer = namedKey('buyer');
  const parameters = { ...PARAMETERS, ...options.parameters };
  const stakes = options.stakes ?? [2n, 2n, 2n, 2n];
  const validators = stakes.map((_, i) => member(addresses, `validator ${i}`, operator));
  const workers = [0, 1].map((i) => member(addresses, `worker ${i}`, namedKey(`worker owner ${i}`)));
  const gateway = member(addresses, 'gateway', operator);
  await Promise.all([
    ledger.fund(operator.publicKey, 1_000n * SOL),
    ledger.fund(buyer.publicKey, 100n * SOL),
    ...workers.map(({ owner }) => ledger.fund(owner.publicKey, 10n * SOL)),
    ...[...validators, gateway].map(({ identity }) => ledger.fund(identity.publicKey, SOL)),
  ]);
  await ledger.send(
    [
      initialise(addresses, {
        payer: operator.publicKey,
        genesis: ledger.genesis,
        version: PROTOCOL_VERSION,
        parameters: parameterList(parameters),
        offchainParametersHash: OFFCHAIN_HASH,
      }),
    ],
    [operator],
  );
  // One after another, so that indexes and ordinals are those of the lists; two fit a transaction.
  for (let first = 0; first < validators.length; first += 2) {
    const pair = validators.slice(first, first + 2);
    await ledger.send(
      pair.map(({ identity }, i) => {
        const bond = (stakes[first + i] ?? 0n) * SOL;
        const key = options.evmKeys?.[first + i];
        const participant = addresses.participant(identity.publicKey);
        const proof = key === undefined ? {} : { secp256k1: secp256k1Proof(key, { domain, participant }) };
        return registerValidator(addresses, {
          owner: operator.publicKey,
          identity: identity.publicKey,
          bond,
          ...proof,
        });
      }),
      [operator, ...pair.map(({ identity }) => identity)],
    );
  }
  for (const { owner, identity } of workers) {
    await ledger.send(
      [
        registerWorker(addresses, {
          owner: owner.publicKey,
          identity: identity.publicKey,
          bond: SOL,
          engineClass: ENGINE_CLASS,
          models: [MODEL],
        }),
      ],
      [owner, identity],
    );
  }
  await ledger.send(
    [registerGateway(addresses, { owner: operator.publicKey, identity: gateway.identity.publicKey, bond: 3n * SOL })],
    [operator, gateway.identity],
  );
  const escrow = { buyer: buyer.publicKey, gateway: gateway.address, amount: 10n * SOL };
  await ledger.send(
    [
      openEscrow(addresses, escrow),
      commitChain(addresses, {
        identity: gateway.identity.publicKey,
        gateway: gateway.address,
        epoch: 0n,
        commitment: namedHash('chain 0'),
        length: 1_000,
      }),
    ],
    [buyer, gateway.identity],
  );
  return {
    ledger,
    addresses,
    domain,
    parameters,
    operator,
    validators,
    workers,
    gateway,
    buyer,
    escrow: addresses.escrow(gateway.address, buyer.publicKey),
  };
}

/** Begins epoch 0 and waits for its first slot. */
export async function startWorld(world: World): Promise<void> {
  await world.ledger.send([start(world.addresses, { initialiser: world.operator.publicKey })], [world.operator]);
  const { epochZeroSlot } = await readConfig(world);
  await world.ledger.untilSlot(epochZeroSlot);
}

export async function must<T>(account: Promise<T | undefined>): Promise<T> {
  const found = await account;
  if (found === undefined) throw new Error('There is no such account.');
  return found;
}

export async function readConfig({ ledger, addresses }: World): Promise<ConfigAccount> {
  return decodeConfig(await must(ledger.account(addresses.config)));
}

export async function readVault({ ledger, addresses }: World): Promise<VaultAccount & { readonly lamports: bigint }> {
  const account = await must(ledger.account(addresses.vault));
  return { ...decodeVault(account), lamports: account.lamports };
}

export async function readParticipant({ ledger }: World, address: Uint8Array): Promise<ParticipantAccount> {
  return decodeParticipant(await must(ledger.account(address)));
}

/** The owner's stake, which its registration made. */
export async function readStake({ ledger, addresses }: World, { owner, address }: Member): Promise<StakeAccount> {
  const stake = addresses.stake({ participant: address, staker: owner.publicKey, asset: ASSET.lamports });
  return decodeStake(await must(ledger.account(stake)));
}

/** Weights as the account holds them after these changes, the newest first. */
export function weightsOf(...changes: readonly (readonly [fromEpoch: bigint, weight: bigint])[]): Weights {
  const points = changes.map(([fromEpoch, weight]) => ({ fromEpoch, weight }));
  return { points: [...points, ...Array.from({ length: 8 - points.length }, () => ({ fromEpoch: 0n, weight: 0n }))] };
}

export async function readEscrow({ ledger }: World, address: Uint8Array): Promise<EscrowAccount> {
  return decodeEscrow(await must(ledger.account(address)), await ledger.rent(160));
}

export async function readEpoch({ ledger, addresses }: World, epoch: bigint): Promise<EpochAccount> {
  return decodeEpoch(await must(ledger.account(addresses.epoch(epoch))));
}

export async function readVote({ ledger, addresses }: World, epoch: bigint, of: Member): Promise<VoteAccount> {
  return decodeVote(await must(ledger.account(addresses.vote(epoch, of.address))));
}

export async function readChain({ ledger, addresses }: World, gateway: Uint8Array, epoch: bigint) {
  return decodeGatewayChain(await must(ledger.account(addresses.chain(gateway, epoch))));
}

export async function lamportsOf({ ledger }: World, address: Uint8Array): Promise<bigint> {
  return (await ledger.account(address))?.lamports ?? 0n;
}

/** The first slot of an epoch. */
export async function firstSlot(world: World, epoch: bigint): Promise<bigint> {
  return (await readConfig(world)).epochZeroSlot + epoch * world.parameters.slotsPerEpoch;
}
