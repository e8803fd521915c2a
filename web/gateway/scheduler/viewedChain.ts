import { KarmeshError } from '@karmesh/sdk/errors';
import { type ChainView, NONE, ROLE } from '@karmesh/sdk/program';
import { namedParameters, type Participant, parametersIn } from '@karmesh/sdk/protocol';
import type { MarketChain } from './marketChain.ts';

/** How far behind the newest slot a shared one may lie: W-10 leaves eight slots for the way to the worker. */
const MAX_BACK = 3n;
/** After so long a view has missed some polls, or a busy process has not come to them. */
const STALE_MS = 1_000;
const LOOK_MS = 2_000;

/** The scheduler's view of the chain as `sdk/program` follows it. */
export function viewedChain(
  view: Pick<
    ChainView,
    'chain' | 'config' | 'escrow' | 'latestSlotHash' | 'participants' | 'poll' | 'slotHash' | 'staleness'
  >,
  gateway: Participant,
  /** For so long a request waits for a look at the chain; two seconds unless told. */
  { waitMs = LOOK_MS }: { readonly waitMs?: number } = {},
): MarketChain {
  const latestSlotHash: MarketChain['latestSlotHash'] = () => {
    try {
      return view.latestSlotHash();
    } catch (error) {
      // A cluster in its first slots has no slot hash.
      if (error instanceof KarmeshError && error.code === 'RPC_FAILED') return undefined;
      throw error;
    }
  };
  let looking: Promise<void> | undefined;
  const look = async (): Promise<void> => {
    const signal = AbortSignal.timeout(waitMs);
    const polled = view.poll({ signal }).catch((error: unknown) => {
      // Workers who read the same node see the same old slots; readiness tells that it is away.
      if (!(error instanceof KarmeshError)) throw error;
    });
    // A poll waits for the one before it, however long that hangs.
    const late = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    await Promise.race([polled, late]);
  };
  return {
    async catchUp() {
      const { ageMs, error } = view.staleness();
      if (ageMs <= STALE_MS || error !== undefined) return;
      looking ??= look().finally(() => {
        looking = undefined;
      });
      await looking;
    },
    latestSlotHash,
    sharedSlotHash() {
      const newest = latestSlotHash();
      if (newest === undefined) return undefined;
      // Everybody polls about once a slot, each at its own time, and some slots have no block.
      for (let back = 1n; back <= MAX_BACK && back <= newest.slot; back++) {
        const slot = newest.slot - back;
        const hash = view.slotHash(slot);
        if (hash !== undefined) return { slot, hash };
      }
      return newest;
    },
    epochClock() {
      const config = view.config();
      const started = config.started !== 0 && config.epochZeroSlot !== NONE;
      return {
        epochZeroSlot: started ? config.epochZeroSlot : undefined,
        slotsPerEpoch: namedParameters(config.parameters).slotsPerEpoch,
      };
    },
    listPrice(epoch) {
      const config = view.config();
      const parameters = namedParameters(config.parameters);
      const { listPriceLamports } =
        epoch === undefined ? parameters : parametersIn({ parameters, changes: config.changes }, epoch);
      return listPriceLamports;
    },
    workers: () => view.participants().filter(({ role }) => role === ROLE.worker),
    committedChain: (epoch) => view.chain(gateway, epoch),
    escrow: (address) => view.escrow(address),
    lastFinalisedEpoch() {
      const { lastFinalisedEpoch } = view.config();
      return lastFinalisedEpoch === NONE ? undefined : lastFinalisedEpoch;
    },
  };
}
