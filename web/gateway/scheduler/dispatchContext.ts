import type {
  Dispatch,
  Domain,
  Hash,
  Identity,
  InferenceRequest,
  Signed,
  Ticket,
  VerifySignature,
} from '@karmesh/sdk/protocol';

/** What everybody who works on one dispatch knows of it. */
export type DispatchContext = {
  readonly domain: Domain;
  readonly verify: VerifySignature;
  readonly epoch: bigint;
  readonly request: InferenceRequest;
  readonly ticket: Signed<Ticket>;
  readonly dispatch: Signed<Dispatch>;
  readonly dispatchHash: Hash;
  /** The longest prompt that the ticket was priced for. */
  readonly promptTokensAtMost: number;
  /** E-21, milliseconds. */
  readonly clockToleranceMs: bigint;
};

/** A drawn worker, as far as its signatures go. */
export type Signatory = { readonly participant: Uint8Array; readonly identity: Identity };
