import { encode, fixedBytes, struct, u32, vector } from './codec.ts';
import { type Hash, hash, hashCodec } from './hash.ts';
import { type Domain, header, KIND } from './header.ts';
import type { Participant, RequestId } from './ids.ts';
import { participantCodec } from './ids.ts';
import { type FinishReason, finishReasonCodec } from './request.ts';

/** F-14: no answer has more tokens. */
export const MAX_OUTPUT_TOKENS = 1 << 17;
export const tokensCodec = vector(u32, MAX_OUTPUT_TOKENS);

const outputHeader = header(
  KIND.output,
  struct({ promptTokens: u32, finishReason: finishReasonCodec, tokensHash: hashCodec }),
);

/** F-14: the hash of an answer: its prompt length in tokens, why it ended, and its tokens. Equal hashes mean equal counts, so that the price is agreed too. */
export function outputHashOf(
  domain: Domain,
  output: { readonly promptTokens: number; readonly finishReason: FinishReason; readonly tokens: readonly number[] },
): Hash {
  const tokensHash = hash(encode(tokensCodec, output.tokens));
  return outputHeader.hash(domain, {
    promptTokens: output.promptTokens,
    finishReason: output.finishReason,
    tokensHash,
  });
}

const sealValueHeader = header(
  KIND.sealValue,
  struct({
    requestId: hashCodec,
    worker: participantCodec,
    outputHash: hashCodec,
    traceRoot: hashCodec,
    salt: fixedBytes(24),
  }),
);

/** F-15: bytes of salt in a seal; 192 bits, so that the header keeps to its 192 bytes. */
export const SEAL_SALT_BYTES = 24;

/** F-15: `seal = H(domain || 20 || requestId || worker || outputHash || traceRoot || salt)`: hides the answer until the reveal, and binds the worker to it. */
export function sealValueOf(
  domain: Domain,
  sealed: {
    readonly requestId: RequestId;
    readonly worker: Participant;
    readonly outputHash: Hash;
    readonly traceRoot: Hash;
    readonly salt: Uint8Array;
  },
): Hash {
  return sealValueHeader.hash(domain, sealed);
}

const usageChainHeader = header(KIND.usageChain, struct({ previous: hashCodec, tokensHash: hashCodec }));

/** F-16: the running hash over a stream's chunks. It starts from the request id; each chunk's tokens extend it. */
export function extendUsageChain(domain: Domain, previous: Hash, tokens: readonly number[]): Hash {
  return usageChainHeader.hash(domain, { previous, tokensHash: hash(encode(tokensCodec, tokens)) });
}
