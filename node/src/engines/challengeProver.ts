import type { Hash, InferenceRequest, ModelId, RequestId } from '@karmesh/sdk/protocol';

/** The token of an answer that a beacon drew (Z-42). */
export interface ChallengeJob {
  /** The epoch in whose set the answer stands, and its beacon. */
  readonly epoch: bigint;
  readonly beacon: Hash;
  readonly entryHash: Hash;
  readonly requestId: RequestId;
  readonly request: InferenceRequest;
  readonly tokens: readonly number[];
}

/** Proves challenged tokens. */
export interface ChallengeProver {
  /** Prompt and answer together may have so many; behind them its keys know of no angles. */
  readonly positions: number;
  /** The name under which validators admit its keys (Z-40). */
  readonly keys: { readonly modelId: ModelId; readonly keysRoot: Hash; readonly keyCount: number };
  /** The answer (Z-47), once it is made. The first call begins to make it, which takes minutes, and gives undefined until it is there. Throws `STORE_FAILED`. */
  answer(job: ChallengeJob): Promise<Uint8Array | undefined>;
  /** Deletes the answers of epochs up to and including this one. */
  dropUpTo(epoch: bigint): Promise<void>;
}
