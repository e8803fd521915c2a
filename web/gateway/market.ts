import type {
  Assurance,
  ChatMessage,
  EscrowAddress,
  FinishReason,
  Hash,
  ModelId,
  ModelManifest,
  Participant,
  RequestId,
  Signed,
  Usage,
} from '@karmesh/sdk/protocol';
import type { KeyHash } from './store/apiKeys.ts';

/** A model that the market sells, under the name that clients use. */
export type MarketModel = { readonly modelId: ModelId; readonly manifest: ModelManifest };

/** What a client wants answered; the market adds blinding and makes the canonical request (F-10) of it. */
export type MarketRequest = {
  readonly model: MarketModel;
  readonly assurance: Assurance;
  /** Tokens of the answer at most. */
  readonly maxTokens: number;
  /** Millionths. */
  readonly temperatureMicro: number;
  readonly stops: readonly string[];
  readonly messages: readonly ChatMessage[];
  /** Who asks and may later fetch the bundle. */
  readonly keyHash: KeyHash;
  /** Who pays, and whose turn it is. */
  readonly accountId: bigint;
  /** The escrow that its buyer pays from; the account's credit pays unless told. */
  readonly escrow?: EscrowAddress | undefined;
  /** L-01. */
  readonly lane: number;
  /** M-01: what a quote promises; the lane's price of the moment unless told. */
  readonly unitPrice?: bigint | undefined;
};

/** What came of a drawn worker. */
export type WorkerOutcome = 'agreed' | 'dissented' | 'refused' | 'timed-out';

/** The evidence of an answer, in short; the bundle holds it in full. */
export type AnswerSummary = {
  readonly requestId: RequestId;
  readonly assurance: Assurance;
  readonly epoch: bigint;
  readonly dispatchNumber: bigint;
  readonly priceLamports: bigint;
  readonly lane: number;
  /** The greatest number of output tokens that the buyer's credit paid for, if that is less than what was asked for. */
  readonly tokensPaidFor: number | undefined;
  readonly verdict: 'agreed' | 'none';
  /** Every worker that was used, in the order of the draw; a receipt's hash where there is one. */
  readonly workers: readonly {
    readonly worker: Participant;
    readonly outcome: WorkerOutcome;
    readonly receiptHash: Hash | undefined;
    /** Whether the text that the client saw is this worker's or equal to it. */
    readonly shown: boolean;
  }[];
};

/** How far a drawn worker has come. */
export type WorkerStep = 'asked' | 'accepted' | 'sealed' | 'revealed' | 'refused' | 'timed-out';

export type MarketEvent =
  | { readonly kind: 'accepted'; readonly requestId: RequestId }
  | {
      readonly kind: 'workers';
      /** Every worker that was asked so far, in the order of the draw. */
      readonly workers: readonly { readonly worker: Participant; readonly step: WorkerStep }[];
    }
  | {
      readonly kind: 'text';
      readonly text: string;
      /** Output tokens of all text so far, those included whose text is held back or that have none. */
      readonly outputTokens: number;
      /** What the worker whose text it is has signed for them; undefined where nothing was signed for a part of the answer. */
      readonly usage: Signed<Usage> | undefined;
    }
  | {
      readonly kind: 'done';
      readonly finishReason: FinishReason;
      readonly promptTokens: number;
      readonly outputTokens: number;
      readonly summary: AnswerSummary;
    };

/**
 * Sells answers. `ask` first yields `accepted`, then text as it may be shown and, to those who want progress, what the workers do; it
 * ends with exactly one `done`, after the answer's entry is on disk.
 *
 * Throws KarmeshError `QUEUE_FULL`, `QUEUE_SHARE_FULL`, `CONTEXT_OVERFLOW`, `REQUEST_REFUSED`, `NO_PROOFS`, `NO_WORKERS`, `WORKER_TIMEOUT`, `NO_QUORUM`, `ESCROW_SHORT`, `VOUCHER_SHORT`, `CREDIT_SHORT`, `CREDIT_HELD`, `ABORTED`.
 * Aborting the signal, or leaving the iteration, ends the work: before anybody has said or sealed anything it is cancelled, a stream is halted
 * where it is (W-22), and any other answer that was sealed is brought to its end. What was done is entered and paid for. A stream that takes too
 * long, or whose reader takes nothing for too long, is halted too; its `done` has finish reason `halted`.
 */
export type Market = {
  models(): readonly MarketModel[];
  ask(
    request: MarketRequest,
    options: {
      readonly signal: AbortSignal;
      readonly wantsProgress?: boolean;
      /** How long the answer may take in all, in milliseconds; a stream is halted in good time before that. */
      readonly withinMs?: number | undefined;
    },
  ): AsyncIterable<MarketEvent>;
};
