import type { ControlledEvaluateInputItem, Token } from 'node-llama-cpp';
import { useLlama } from '../../../node/src/engines/llama/llamaProcess.ts';
import type { Core } from './core.ts';

/** What the engine over node-llama-cpp reads at temperature 0 (node/src/engines/llama). */
const READ_TOP = 16;
/** Positions of one step, as that engine has them. */
const BATCH = 512;

export interface LlamaCores extends AsyncDisposable {
  /** Its own generation: the shortest way from a prompt to tokens that its interface has. */
  readonly evaluate: Core;
  /** As our engine over it reads tokens: the highest logits come out, which we choose from. */
  readonly logits: Core;
}

/** node-llama-cpp on the CPU with flash attention off, by its public interface. */
export async function llamaCores(options: {
  readonly modelPath: string;
  readonly contextSize: number;
  readonly threads: number;
}): Promise<LlamaCores> {
  const { contextSize, modelPath, threads } = options;
  await using stack = new AsyncDisposableStack();
  const { llama } = stack.use(await useLlama({ gpu: false }));
  const model = await llama.loadModel({ modelPath, defaultContextFlashAttention: false, gpuLayers: 0 });
  const batchSize = Math.min(BATCH, contextSize);
  const context = await model.createContext({ contextSize, threads, batchSize, sequences: 1, flashAttention: false });
  const sequence = context.getSequence();

  const evaluate: Core = {
    async run({ prompt, tokens }) {
      await sequence.clearHistory();
      const began = performance.now();
      let first = Number.NaN;
      let count = 0;
      for await (const _ of sequence.evaluate(toTokens(prompt), { temperature: 0, yieldEogToken: true })) {
        if (count === 0) first = performance.now();
        if (++count === tokens) break;
      }
      if (count < tokens) throw new RangeError('node-llama-cpp stopped before the last token.');
      return { promptMs: first - began, decodeMs: performance.now() - first };
    },
  };

  const next = async (input: readonly number[]): Promise<Token> => {
    const items: ControlledEvaluateInputItem[] = toTokens(input);
    const end = items.length - 1;
    items[end] = [toTokens(input)[end] as Token, READ];
    const output = await sequence.controlledEvaluate(items);
    let best: { readonly token: Token; readonly logit: number } | undefined;
    for (const [token, logit] of output[end]?.next.logits ?? [])
      if (best === undefined || logit > best.logit) best = { token, logit };
    if (best === undefined) throw new RangeError('node-llama-cpp gave no logits.');
    return best.token;
  };
  const logits: Core = {
    async run({ prompt, tokens }) {
      await sequence.clearHistory();
      const began = performance.now();
      let token = await next(prompt);
      const first = performance.now();
      for (let i = 1; i < tokens; i++) token = await next([token]);
      return { promptMs: first - began, decodeMs: performance.now() - first };
    },
  };
  const parts = stack.move();
  return { evaluate, logits, [Symbol.asyncDispose]: () => parts.disposeAsync() };
}

/** The chain of llama.cpp's samplers that leaves the highest logits and changes none. */
const READ = {
  generateNext: {
    logits: { filter: { tokens: [], includeTop: READ_TOP } },
    options: { temperature: 1, topK: READ_TOP, topP: 1, minP: 0 },
  },
} as const satisfies Exclude<ControlledEvaluateInputItem, Token>[1];

/** node-llama-cpp brands its numbers. */
function toTokens(tokens: readonly number[]): Token[] {
  return tokens.slice() as Token[];
}
