import { type Codec, type Decoded, encode, fixedBytes, oneOf, struct, text, u32, vector } from './codec.ts';
import { hash, hashCodec } from './hash.ts';
import { type Domain, header, KIND } from './header.ts';
import type { RequestId } from './ids.ts';

/** F-10: how much evidence the buyer asked for. */
export const ASSURANCES = ['stream', 'quorum', 'proof'] as const;
export type Assurance = (typeof ASSURANCES)[number];
export const assuranceCodec: Codec<Assurance> = oneOf(ASSURANCES);

/**
 * F-14: why an answer ended: the model said so or a stop text appeared (`stop`), the token limit was reached (`length`), or its reader
 * left and the gateway said so (`halted`, W-22).
 */
export const FINISH_REASONS = ['stop', 'length', 'halted'] as const;
export type FinishReason = (typeof FINISH_REASONS)[number];
export const finishReasonCodec: Codec<FinishReason> = oneOf(FINISH_REASONS);

export const ROLES = ['system', 'user', 'assistant'] as const;

/** Bounds of a request (F-10). Sizes in bytes of UTF-8. */
export const REQUEST_LIMITS = { messages: 1024, contentBytes: 1 << 20, stops: 4, stopBytes: 256 } as const;

/**
 * F-10: what a worker computes from, and nothing else: the canonical request. Temperature counts in millionths. The 32 random bytes of
 * blinding keep short prompts from being guessed from the request id.
 */
export const inferenceRequestCodec = struct({
  modelId: hashCodec,
  assurance: assuranceCodec,
  maxTokens: u32,
  temperatureMicro: u32,
  stops: vector(text(REQUEST_LIMITS.stopBytes), REQUEST_LIMITS.stops),
  messages: vector(struct({ role: oneOf(ROLES), content: text(REQUEST_LIMITS.contentBytes) }), REQUEST_LIMITS.messages),
  blinding: fixedBytes(32),
});
export type InferenceRequest = Decoded<typeof inferenceRequestCodec>;
export type ChatMessage = InferenceRequest['messages'][number];

const requestHeader = header(KIND.request, struct({ bodyHash: hashCodec }));

/** F-11: `requestId = H(domain || 1 || H(canonical request))`. It is the trace id throughout. */
export function requestIdOf(domain: Domain, request: InferenceRequest): RequestId {
  return requestHeader.hash(domain, { bodyHash: hash(encode(inferenceRequestCodec, request)) });
}
