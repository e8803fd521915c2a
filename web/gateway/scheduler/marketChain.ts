import type { EpochClock, EscrowAddress, EscrowMoney, Hash, WorkerAccount } from '@karmesh/sdk/protocol';

/** What the scheduler reads of the chain, as far as this process has seen it. */
export type MarketChain = {
  /** Looks at the chain now if the last look was too long ago for a dispatch (W-10), as after a stall of this process. What cannot be read then stays as it was. */
  catchUp(): Promise<void>;
  /** The newest slot with a known hash. */
  latestSlotHash(): { readonly slot: bigint; readonly hash: Hash } | undefined;
  /** The newest slot that workers have most likely read too, with its hash. */
  sharedSlotHash(): { readonly slot: bigint; readonly hash: Hash } | undefined;
  epochClock(): EpochClock;
  /** Lamports per 1,000 output tokens and million active parameters (M-01), in an epoch; after the last vote unless told (P-36). */
  listPrice(epoch?: bigint): bigint;
  /** All registered workers. */
  workers(): readonly WorkerAccount[];
  /** What this gateway has committed for an epoch. */
  committedChain(epoch: bigint): { readonly commitment: Hash; readonly length: number } | undefined;
  /** An escrow's lamports above rent, what its buyer authorised, and all that it was ever debited. */
  escrow(address: EscrowAddress): EscrowMoney | undefined;
  lastFinalisedEpoch(): bigint | undefined;
};
