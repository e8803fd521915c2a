import { KarmeshError } from '@karmesh/sdk/errors';
import { type ChainView, NONE, ROLE } from '@karmesh/sdk/program';
import { namedParameters, type Participant } from '@karmesh/sdk/protocol';
import type { MarketChain } from './marketChain.ts';

/** The scheduler's view of the chain as `sdk/program` follows it. */
export function viewedChain(view: ChainView, gateway: Participant): MarketChain {
  return {
    latestSlotHash() {
      try {
        return view.latestSlotHash();
      } catch (error) {
        // A cluster in its first slots has no slot hash.
        if (error instanceof KarmeshError && error.code === 'RPC_FAILED') return undefined;
        throw error;
      }
    },
    epochClock() {
      const config = view.config();
      const started = config.started !== 0 && config.epochZeroSlot !== NONE;
      return {
        epochZeroSlot: started ? config.epochZeroSlot : undefined,
        slotsPerEpoch: namedParameters(config.parameters).slotsPerEpoch,
      };
    },
    listPrice: () => namedParameters(view.config().parameters).listPriceLamports,
    workers: () => view.participants().filter(({ role }) => role === ROLE.worker),
    committedChain: (epoch) => view.chain(gateway, epoch),
    escrow: (address) => view.escrow(address),
    lastFinalisedEpoch() {
      const { lastFinalisedEpoch } = view.config();
      return lastFinalisedEpoch === NONE ? undefined : lastFinalisedEpoch;
    },
  };
}
