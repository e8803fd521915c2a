import { clusterPreset } from '@karmesh/sdk/clusters';
import {
  candidateGroup,
  constantWeight,
  type EngineClass,
  type EntryContext,
  type EscrowAddress,
  engineClassIdOf,
  epochOfSlot,
  equalBytes,
  type Hash,
  hash,
  type ModelManifest,
  makeDomain,
  modelIdOf,
  type Participant,
  REPLICAS,
  STANDING_AUTHORISATION,
  toHex,
  u64le,
  type WorkerAccount,
  withChainMemo,
} from '@karmesh/sdk/protocol';
import { nativeVerifySignature } from '@karmesh/sdk/runtime';
import type { WorkerChain } from '../../../node/src/worker/workerChain.ts';
import { hashChain } from '../../../web/gateway/scheduler/hashChain.ts';
import type { MarketChain } from '../../../web/gateway/scheduler/marketChain.ts';
import { namedHash, namedKey } from '../../program/keys.ts';
import { MODEL_NAME } from './upstream.ts';

// What the gateway and the workers of this bench see of a chain: slots pass by the clock, and nothing else ever changes. All of it follows from names, so that
// processes need not tell each other.

export const domain = makeDomain({ genesisHash: namedHash('bench genesis'), programId: namedHash('bench program') });
/** The benches have one gateway; two are for tests of what they share. */
export const gateways = ['', ' 2'].map((suffix) => ({
  address: namedHash(`bench gateway${suffix}`),
  keypair: namedKey(`bench gateway${suffix}`),
  escrow: namedHash(`bench escrow${suffix}`),
}));
export type StandingGateway = (typeof gateways)[number];
export function gatewayAt(place: number): StandingGateway {
  const found = gateways[place];
  if (found === undefined) throw new Error('There is no such gateway.');
  return found;
}
export const workers = Array.from({ length: REPLICAS }, (_, i) => ({
  address: namedHash(`bench worker ${i}`),
  keypair: namedKey(`bench worker ${i}`),
}));

export const engineClass: EngineClass = { engine: 'mock', build: '1', cpuKernel: 'none', settings: 'none' };
const engineClassId = engineClassIdOf(engineClass);
export const manifest: ModelManifest = {
  name: MODEL_NAME,
  fileHash: namedHash('bench file'),
  fileBytes: 1_000n,
  architecture: 'mock',
  quantisation: 'none',
  tokenizerHash: namedHash('bench tokenizer'),
  templateHash: namedHash('bench template'),
  totalParameters: 8_000_000_000n,
  activeParameters: 8_000_000_000n,
  contextLength: 4_096,
  vocabulary: 32_000,
  licence: 'Apache-2.0',
};
export const model = { modelId: modelIdOf(manifest), manifest };

const { chain: onChain, offchain: preset, slotMs } = clusterPreset('localnet');
// Draws by equal weights, as between workers who are all known.
const { listPriceLamports: LIST_PRICE, slotsPerEpoch } = onChain;
export const offchain = preset;
/** Dispatches of an epoch at most. */
const CHAIN_LENGTH = 65_536;
const LAMPORTS = 10n ** 18n;

const accounts = workers.map(
  ({ address, keypair }, index): WorkerAccount => ({
    address,
    index,
    identity: keypair.publicKey,
    previousIdentity: keypair.publicKey,
    identityFromEpoch: 0n,
    weights: constantWeight(1n),
    capacity: [1, 1] as const,
    capacityFromEpoch: 0n,
    weightKarma: [0n, 0n],
    weightFromEpoch: 0n,
    engineClass: engineClassId,
    models: [model.modelId],
  }),
);

export const chainSecretOf = (gateway: Participant, epoch: bigint) => ({
  secret: hash(namedHash('bench chain'), gateway, u64le(epoch)),
  length: CHAIN_LENGTH,
});

/** The chain since `beganMs`, by the wall clock that all processes share. */
export function standingChain(beganMs: number): {
  readonly epoch: () => bigint;
  market(gateway: StandingGateway): MarketChain;
  worker(place: number): WorkerChain;
  /** What somebody knows who judges entries. */
  readonly judge: EntryContext;
} {
  const clock = { epochZeroSlot: 0n, slotsPerEpoch };
  const slotNow = (): bigint => BigInt(Math.max(0, Math.floor((Date.now() - beganMs) / slotMs)));
  const slotHash = (slot: bigint): Hash => hash(namedHash('bench slot'), u64le(slot));
  const epochOf = (slot: bigint): bigint => epochOfSlot(clock, slot) ?? 0n;
  const commitments = new Map<string, { readonly commitment: Hash; readonly length: number }>();
  const committed = (gateway: Participant, epoch: bigint) => {
    const name = `${epoch} ${toHex(gateway)}`;
    const { commitment } = commitments.get(name) ?? hashChain(chainSecretOf(gateway, epoch));
    const known = { commitment, length: CHAIN_LENGTH };
    commitments.set(name, known);
    return known;
  };
  const gatewayIdentity = (address: Participant) =>
    gateways.find((gateway) => equalBytes(address, gateway.address))?.keypair.publicKey;
  const escrowGateway = (escrow: EscrowAddress) =>
    gateways.find((gateway) => equalBytes(escrow, gateway.escrow))?.address;
  const chain = withChainMemo(committed);
  const candidates: WorkerChain['candidates'] = (key) => candidateGroup(accounts, key, offchain).candidates;
  const atSlot = () => ({ slot: slotNow(), hash: slotHash(slotNow()) });
  const money = { balance: LAMPORTS, authorised: STANDING_AUTHORISATION, cumulativeDebit: 0n };
  return {
    epoch: () => epochOf(slotNow()),
    market: (gateway) => ({
      catchUp: async () => {},
      latestSlotHash: atSlot,
      sharedSlotHash: atSlot,
      epochClock: () => clock,
      listPrice: () => LIST_PRICE,
      workers: () => accounts,
      committedChain: (epoch) => committed(gateway.address, epoch),
      escrow: () => money,
      lastFinalisedEpoch: () => undefined,
    }),
    worker: (place) => ({
      domain,
      verify: nativeVerifySignature,
      participant: workers[place]?.address ?? namedHash('nobody'),
      offchain,
      listPrice: () => LIST_PRICE,
      epochOf,
      gatewayIdentity,
      chain,
      slotHash,
      candidates,
      escrowGateway,
      escrowAvailable: () => LAMPORTS,
      epoch: () => undefined,
      validators: () => [],
      slot: slotNow,
      refresh: () => Promise.resolve(),
    }),
    judge: {
      domain,
      verify: nativeVerifySignature,
      epochOf,
      gatewayIdentity,
      chain,
      slotHash,
      candidates,
      escrowGateway,
      model: () => manifest,
      listPrice: () => LIST_PRICE,
      clockToleranceMs: offchain.clockToleranceMs,
    },
  };
}
