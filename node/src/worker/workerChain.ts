import type { AuditChain, EntryContext, Participant } from '@karmesh/sdk/protocol';

/** What a worker reads of the chain. Lookups answer undefined for what has not been seen. */
export interface WorkerChain
  extends Pick<
      EntryContext,
      | 'domain'
      | 'verify'
      | 'epochOf'
      | 'gatewayIdentity'
      | 'chain'
      | 'slotHash'
      | 'candidates'
      | 'escrowGateway'
      | 'listPrice'
    >,
    Pick<AuditChain, 'offchain' | 'epoch' | 'validators'> {
  /** This worker's account. */
  readonly participant: Participant;
  /** The newest slot that was seen. */
  slot(): bigint;
  /** Lamports that an escrow could pay now. */
  escrowAvailable(escrow: Uint8Array): bigint | undefined;
  /** Reads the chain again. Throws `RPC_UNREACHABLE` or `RPC_FAILED`; what was seen before stays. */
  refresh(options: { readonly signal: AbortSignal }): Promise<void>;
}
