import type {
  ChatMessage,
  EngineClass,
  EngineClassId,
  FinishReason,
  Hash,
  Measurements,
  ModelId,
  ModelManifest,
  RequestId,
} from '@karmesh/sdk/protocol';

/** What an engine says of itself. Two engines with one `engineClassId` and one `modelId` give equal outputs for equal requests. */
export interface EngineDescription {
  readonly engineClass: EngineClass;
  readonly engineClassId: EngineClassId;
  readonly manifest: ModelManifest;
  readonly modelId: ModelId;
  /** Tokens of prompt and answer together, at most. */
  readonly contextSize: number;
  /** How many requests it runs at once. */
  readonly sequences: number;
  /** It cannot read the logits that S-02 needs, so it takes requests at temperature 0 alone. */
  readonly greedyOnly?: true;
}

/** A finished piece of an answer: the tokens in order and the text that they complete. */
export interface TokenPiece {
  readonly tokens: readonly number[];
  readonly text: string;
}

export interface GenerateOptions {
  readonly requestId: RequestId;
  readonly messages: readonly ChatMessage[];
  /** At least 1. */
  readonly maxTokens: number;
  /** Temperature in millionths; 0 takes the most likely token. */
  readonly temperatureMicro: number;
  readonly stops: readonly string[];
  /**
   * The request's blinding (F-10), 32 bytes, for a trace that hides its values, so that proofs can speak of them. Engines whose traces nothing
   * can be proven of ignore it. Its name is not the request's own, so that nobody asks for this by handing a request on.
   */
  readonly hiddenBy?: Uint8Array;
}

export interface GenerateControl {
  readonly signal?: AbortSignal;
  /** Called in order as tokens come. The texts together are the answer's text, but for one that was halted: what was held back of it, or came after its end, is not taken back. */
  readonly onTokens?: (piece: TokenPiece) => void;
  /**
   * W-22: says at how many tokens the answer is to end because nobody reads on, once that is known. It is looked at after every token, so
   * that an answer may be told to end where it has already been.
   */
  readonly halt?: { readonly at: number | undefined };
}

/** An answer, as it goes from process to process. */
export interface GeneratedAnswer {
  readonly promptTokens: number;
  readonly outputTokens: readonly number[];
  readonly text: string;
  readonly finishReason: FinishReason;
  /** What the run committed to; its form is the engine's (docs/protocol.md, S-08). */
  readonly traceRoot: Hash;
  /** Milliseconds from the call to the first token and to the last. */
  readonly timings: { readonly firstTokenMs: number; readonly totalMs: number };
}

export interface GenerateResult extends GeneratedAnswer {
  /**
   * W-22: the answer as it is if its reader left after so many tokens: what ended by itself until then stays as it is, of a longer one its first
   * tokens, which end with `halted`, with the trace of a run that took no others. At least 1. Throws `ENGINE_FAILED`, `ABORTED`.
   */
  cutTo(outputTokens: number, control?: { readonly signal?: AbortSignal }): Promise<GenerateResult>;
}

export interface ReplayOptions extends GenerateOptions {
  /** What the worker claims to have computed. */
  readonly outputTokens: readonly number[];
  readonly finishReason: FinishReason;
}

/** One output token beside the replay's own choice. Logits, in the engine's unit; the gap is in logits at every temperature. */
export interface PositionMeasurement {
  readonly token: number;
  /** The token that the replay would have taken. */
  readonly chosen: number;
  /** How many tokens score higher than the claimed one, counted up to the engine's window. */
  readonly rank: number;
  /** S-07: the smallest shift of logits that would explain the claimed token; 0 if it is the replay's choice. */
  readonly gap: number;
  /** How far the best score leads the second best, in logits: small where honest engines may differ. */
  readonly margin: number;
}

export interface ReplayResult {
  readonly promptTokens: number;
  readonly positions: readonly PositionMeasurement[];
  /** U-04: the sums that an auditor judges. */
  readonly measurements: Measurements;
  /** S-05 and S-06: whether the answer ends where its tokens say that it must. */
  readonly end: 'right' | 'wrong';
  /** What an honest run of the claimed tokens commits to, if the engine's runs are the same everywhere to the last bit. */
  readonly traceRoot?: Hash;
}

/** Runs one model. It touches no network but the server that it was opened with, if it is one that has a server. Every method throws `ENGINE_FAILED` if the engine breaks and `ABORTED` if the signal says so. */
export interface Engine extends AsyncDisposable {
  describe(): EngineDescription;
  /** The prompt that the model sees: the chat template applied, then tokenised. Throws `CONTEXT_OVERFLOW` if it is far too long to try. */
  applyTemplate(messages: readonly ChatMessage[]): readonly number[];
  /** Throws `CONTEXT_OVERFLOW` if the prompt leaves no room for an answer. */
  generate(options: GenerateOptions, control?: GenerateControl): Promise<GenerateResult>;
  /** Runs prompt and claimed answer through the model in one batched pass and returns measurements, never a verdict. */
  replay(options: ReplayOptions, control?: { readonly signal?: AbortSignal }): Promise<ReplayResult>;
}
