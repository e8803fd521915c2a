import { KarmeshError } from '../errors.ts';
import {
  type ConfigAccount,
  EPOCH_STATE,
  type EpochAccount,
  type EscrowAccount,
  type GatewayChainAccount,
  NONE,
  type ParticipantAccount,
} from '../program/accounts.ts';
import type { Address } from '../program/address.ts';
import type { OffchainParameters } from '../protocol/index.ts';
import {
  type Bundle,
  type BundleChain,
  epochOfSlot,
  equalBytes,
  identityInEpoch,
  namedParameters,
  offchainParametersHash,
} from '../protocol/index.ts';

type WithSignal = { readonly signal: AbortSignal };

/** The part of the program's client that a recheck needs; `chainReader` is one without web3.js, for browsers. */
export interface BundleChainReader {
  readonly addresses: { readonly programId: Address };
  /** Config, checked to be this cluster's and program's. Throws `PROGRAM_MISMATCH`, `GENESIS_MISMATCH`. */
  checkCluster(options: WithSignal): Promise<ConfigAccount>;
  participant(address: Address, options: WithSignal): Promise<ParticipantAccount | undefined>;
  chain(gateway: Address, epoch: bigint, options: WithSignal): Promise<GatewayChainAccount | undefined>;
  escrow(address: Address, options: WithSignal): Promise<Pick<EscrowAccount, 'gateway'> | undefined>;
  epoch(epoch: bigint, options: WithSignal): Promise<EpochAccount | undefined>;
}

/**
 * Reads from the chain all that `verifyBundle` wants to know for one bundle. Throws what the client's readers throw, and
 * `PROGRAM_MISMATCH` if the cluster computes with other parameters than the preset's, or has not started.
 */
export async function readBundleChain(
  client: BundleChainReader,
  options: { readonly bundle: Bundle; readonly offchain: OffchainParameters; readonly signal: AbortSignal },
): Promise<BundleChain> {
  const { bundle, offchain, signal } = options;
  const config = await client.checkCluster({ signal });
  if (!equalBytes(config.offchainParametersHash, offchainParametersHash(offchain))) {
    throw new KarmeshError('PROGRAM_MISMATCH', 'The cluster was set up with other parameters than this preset’s.');
  }
  if (config.epochZeroSlot === NONE)
    throw new KarmeshError('PROGRAM_MISMATCH', 'The cluster has not started its first epoch.');
  const parameters = namedParameters(config.parameters);
  const { gateway, escrow } = bundle.entry.ticket.value;
  const clock = { epochZeroSlot: config.epochZeroSlot, slotsPerEpoch: parameters.slotsPerEpoch };
  // Undefined for a slot before the first epoch, such as another cluster’s.
  const dispatchEpoch = epochOfSlot(clock, bundle.entry.dispatch.value.slot);
  const epochs = [
    ...new Set([bundle.set?.manifest.epoch, bundle.report?.epoch].filter((epoch) => epoch !== undefined)),
  ];
  const [participant, chain, escrowAccount, accounts] = await Promise.all([
    client.participant(gateway, { signal }),
    dispatchEpoch === undefined ? undefined : client.chain(gateway, dispatchEpoch, { signal }),
    client.escrow(escrow, { signal }),
    Promise.all(epochs.map((epoch) => client.epoch(epoch, { signal }))),
  ]);
  return {
    genesisHash: config.genesis,
    programId: client.addresses.programId,
    epochZeroSlot: config.epochZeroSlot,
    parameters,
    changes: config.changes,
    offchain,
    gatewayIdentity: (address, epoch) =>
      participant !== undefined && equalBytes(address, gateway) ? identityInEpoch(participant, epoch) : undefined,
    chain: (address, epoch) => (equalBytes(address, gateway) && epoch === dispatchEpoch ? chain : undefined),
    escrowGateway: (address) => (equalBytes(address, escrow) ? escrowAccount?.gateway : undefined),
    epoch: (epoch) => {
      const account = accounts.find((found) => found?.epoch === epoch);
      if (account === undefined) return undefined;
      return {
        manifestHash: account.manifestHash,
        reportHash: account.reportHash,
        isFinalised: account.state === EPOCH_STATE.finalised,
      };
    },
  };
}
