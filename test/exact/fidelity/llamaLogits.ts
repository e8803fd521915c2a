import type { Token } from 'node-llama-cpp';
import { useLlama } from '../../../node/src/engines/llama/llamaProcess.ts';

/** llama.cpp as a source of all logits, one position a batch, which is the same as decoding. */
export interface LlamaLogits extends AsyncDisposable {
  /** A text with its special tokens, behind the one that begins a text. */
  tokenise(text: string): readonly number[];
  /** The logits behind each token. */
  logits(tokens: readonly number[]): Promise<readonly Float32Array[]>;
  /** A prompt and what is chosen behind it, up to so many tokens in all, or to the end of an answer. */
  continue(
    prompt: readonly number[],
    options: { readonly length: number; readonly choose: (logits: Float32Array) => number },
  ): Promise<readonly number[]>;
}

const ALL = { generateNext: { token: true, logits: true, options: { temperature: 0 } } } as const;

/** Loads a model into node-llama-cpp, flash attention off. The caller disposes it. */
export async function llamaLogits(modelPath: string, vocabulary: number): Promise<LlamaLogits> {
  await using stack = new AsyncDisposableStack();
  const { llama } = stack.use(await useLlama({ gpu: false }));
  const model = await llama.loadModel({ modelPath, defaultContextFlashAttention: false, gpuLayers: 0 });
  const context = await model.createContext({ contextSize: 512, threads: 1, batchSize: 1, flashAttention: false });
  const sequence = context.getSequence();
  const step = async (token: number): Promise<Float32Array> => {
    const [output] = await sequence.controlledEvaluate([[toToken(token), ALL]]);
    const logits = new Float32Array(vocabulary);
    for (const [id, logit] of output?.next.logits ?? []) logits[id] = logit;
    return logits;
  };
  const parts = stack.move();
  return {
    tokenise: (text) => [Number(model.tokens.bos), ...model.tokenize(text, true)],
    async logits(tokens) {
      await sequence.clearHistory();
      const all: Float32Array[] = [];
      for (const token of tokens) all.push(await step(token));
      return all;
    },
    async continue(prompt, { length, choose }) {
      await sequence.clearHistory();
      const tokens = [...prompt];
      for (let i = 0; i < length && i < tokens.length; i++) {
        const token = tokens[i];
        if (token === undefined) break;
        const logits = await step(token);
        if (i < tokens.length - 1 || tokens.length === length) continue;
        const next = choose(logits);
        tokens.push(next);
        if (model.isEogToken(toToken(next))) break;
      }
      return tokens;
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

/** node-llama-cpp brands its numbers. */
function toToken(token: number): Token {
  return token as Token;
}
