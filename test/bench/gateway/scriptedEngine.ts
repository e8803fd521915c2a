import { type ChatMessage, engineClassIdOf, type FinishReason, type Hash, ZERO_HASH } from '@karmesh/sdk/protocol';
import type { Engine, GenerateResult } from '../../../node/src/engines/engine.ts';
import { engineClass, manifest, model } from './standingChain.ts';

/** An engine whose answer is always the same: of a stream each piece is a token. */
export function scriptedEngine(options: {
  readonly sequences: number;
  readonly pieces: readonly string[];
  readonly promptTokens: number;
  /** The pieces of a stream as they come, or the answer as one. */
  say(ask: {
    readonly isStream: boolean;
    readonly messages: readonly ChatMessage[];
    readonly signal: AbortSignal | undefined;
  }): AsyncIterable<string>;
}): Engine {
  const { pieces } = options;
  const description = {
    engineClass,
    engineClassId: engineClassIdOf(engineClass),
    manifest,
    modelId: model.modelId,
    contextSize: manifest.contextLength,
    sequences: options.sequences,
  };
  const prompt = Array.from({ length: options.promptTokens }, (_, i) => i);
  const tokens = pieces.map((_, i) => i + 1);
  return {
    describe: () => description,
    applyTemplate: () => prompt,
    async generate({ messages }, { signal, onTokens, halt } = {}) {
      const began = performance.now();
      let text = '';
      let said = 0;
      let firstTokenMs = 0;
      for await (const piece of options.say({ isStream: onTokens !== undefined, messages, signal })) {
        if (said === 0) firstTokenMs = performance.now() - began;
        text += piece;
        onTokens?.({ tokens: [tokens[said] ?? 0], text: piece });
        said += 1;
        if (halt?.at !== undefined && said >= halt.at) break;
      }
      const timings = { firstTokenMs, totalMs: performance.now() - began };
      const traceRoot: Hash = ZERO_HASH;
      const resultOf = (at = tokens.length): GenerateResult => {
        const isCut = at < tokens.length;
        const finishReason: FinishReason = isCut ? 'halted' : 'stop';
        return {
          promptTokens: prompt.length,
          outputTokens: tokens.slice(0, at),
          text: isCut ? pieces.slice(0, at).join('') : text,
          finishReason,
          traceRoot,
          timings,
          cutTo: async (outputTokens) => resultOf(outputTokens),
        };
      };
      return resultOf(halt?.at);
    },
    replay: () => Promise.reject(new Error('Nobody audits here.')),
    async [Symbol.asyncDispose]() {},
  };
}
