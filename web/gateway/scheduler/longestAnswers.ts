import { type ModelId, toHex } from '@karmesh/sdk/protocol';

export type LongestAnswers = {
  /** As many of these tokens as an answer of the model may have, so that it is sealed in time. */
  within(modelId: ModelId, tokens: number): number;
  /** Two workers sealed an answer of so many tokens in so many milliseconds. */
  sealed(answer: { readonly modelId: ModelId; readonly tokens: number; readonly ms: number }): void;
  /** Workers of an answer of at most so many tokens took longer than they may. */
  late(answer: { readonly modelId: ModelId; readonly maxTokens: number }): void;
};

/** Shorter than this no answer is made, however slow its workers were. */
const LEAST_TOKENS = 16;

/**
 * Learns how long the answers of a model may be, so that nobody computes for nobody where no stream can be halted: half as long after each that was too
 * late, and as long again as the pace of an answer that came in time lets them be within `sealMs`. Until one was too late nothing is known.
 */
export function longestAnswers({ sealMs }: { readonly sealMs: number }): LongestAnswers {
  const longest = new Map<string, number>();
  return {
    within: (modelId, tokens) => Math.min(tokens, longest.get(toHex(modelId)) ?? tokens),
    sealed({ modelId, ms, tokens }) {
      const known = longest.get(toHex(modelId));
      if (known === undefined) return;
      longest.set(toHex(modelId), Math.max(known, Math.floor((tokens * sealMs) / Math.max(1, ms))));
    },
    late({ maxTokens, modelId }) {
      const most = Math.min(maxTokens, longest.get(toHex(modelId)) ?? maxTokens);
      longest.set(toHex(modelId), Math.max(LEAST_TOKENS, Math.floor(most / 2)));
    },
  };
}
