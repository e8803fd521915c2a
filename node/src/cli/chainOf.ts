import { type Address, type ChainView, EPOCH_STATE, NONE, type ParticipantAccount, ROLE } from '@karmesh/sdk/program';
import {
  candidateGroup,
  epochOfSlot,
  escrowAvailable,
  identityInEpoch,
  isActiveIn,
  namedParameters,
  type OffchainParameters,
  parametersIn,
  type VerifySignature,
  weightIn,
  withChainMemo,
} from '@karmesh/sdk/protocol';
import type { WorkerChain } from '../worker/workerChain.ts';

/** What a worker asks of the chain, answered from a view of it. */
export function chainOf(
  view: ChainView,
  options: {
    readonly participant: Address;
    readonly offchain: OffchainParameters;
    readonly verify: VerifySignature;
  },
): WorkerChain {
  const { participant, offchain, verify } = options;
  const { slotsPerEpoch } = namedParameters(view.config().parameters);
  const ofRole = (role: number): readonly ParticipantAccount[] =>
    view.participants().filter((account) => account.role === role);
  return {
    domain: view.config().domain,
    verify,
    participant,
    offchain,
    listPrice(epoch) {
      const { parameters, changes } = view.config();
      return parametersIn({ parameters: namedParameters(parameters), changes }, epoch).listPriceLamports;
    },
    slot: () => view.slot(),
    epochOf(slot) {
      const { epochZeroSlot } = view.config();
      const start = epochZeroSlot === NONE ? undefined : epochZeroSlot;
      return epochOfSlot({ epochZeroSlot: start, slotsPerEpoch }, slot);
    },
    gatewayIdentity(gateway, epoch) {
      const account = view.participant(gateway);
      return account?.role === ROLE.gateway ? identityInEpoch(account, epoch) : undefined;
    },
    chain: withChainMemo((gateway, epoch) => view.chain(gateway, epoch)),
    slotHash: (slot) => view.slotHash(slot),
    candidates: (key) => candidateGroup(ofRole(ROLE.worker), key, offchain).candidates,
    escrowGateway: (escrow) => view.escrow(escrow)?.gateway,
    escrowAvailable(escrow) {
      const account = view.escrow(escrow);
      return account === undefined ? undefined : escrowAvailable(account);
    },
    epoch(epoch) {
      const account = view.epochAccount(epoch);
      if (account === undefined) return undefined;
      const { receiptSetRoot, carriedRoot, beacon } = account;
      return {
        receiptSetRoot,
        carriedRoot,
        beacon: account.state >= EPOCH_STATE.beacon ? beacon : undefined,
        isFinal: account.state === EPOCH_STATE.finalised,
      };
    },
    validators: (epoch) =>
      ofRole(ROLE.validator)
        .filter((account) => isActiveIn(account, epoch))
        .map((account) => ({
          participant: account.address,
          index: account.index,
          stake: weightIn(account.weights, epoch) ?? 0n,
          identity: identityInEpoch(account, epoch),
        })),
    refresh: (call) => view.refresh(call),
  };
}
