import { seededRandom } from '../../detection/seededRandom.ts';
import { heldOutTexts } from './heldOutText.ts';
import type { LlamaLogits } from './llamaLogits.ts';

/** Tokens whose logits are compared position by position, whatever a model would have said there. */
export interface TokenSequence {
  readonly kind: 'greedy' | 'sampled' | 'held out';
  readonly tokens: readonly number[];
}

const QUESTIONS = [
  'Tell me a story about a fox.',
  'What is 7 + 5?',
  'Write a short story about a bear.',
  'What is the capital of Japan?',
  'Tell me a story about Lily.',
  'What does a duck say?',
  'Tell me a story.',
  'What is 11 - 3?',
  'Count to 8.',
  'Write a story about Leo.',
  'Who are you?',
  'Tell me a story about an owl.',
  'Write a story about Nora.',
  'Tell me a story about a frog.',
  'Write a short story about a sheep.',
  'Hello!',
] as const;
const LONGEST = 100;
const LONGEST_HELD_OUT = 150;

/** Questions with greedy and with sampled answers, and texts that no model wrote. `questions` and `texts` say how many. */
export async function tokenSequences(
  llama: LlamaLogits,
  { questions = QUESTIONS.length, texts }: { readonly questions?: number; readonly texts: number },
): Promise<readonly TokenSequence[]> {
  const random = seededRandom(12_345);
  const prompts = QUESTIONS.slice(0, questions).map((question) =>
    llama.tokenise(`<|im_start|>user\n${question}<|im_end|>\n<|im_start|>assistant\n`),
  );
  const sequences: TokenSequence[] = [];
  for (const prompt of prompts)
    sequences.push({ kind: 'greedy', tokens: await llama.continue(prompt, { length: LONGEST, choose: highest }) });
  for (const prompt of prompts) {
    const choose = (logits: Float32Array): number => sampled(logits, random());
    sequences.push({ kind: 'sampled', tokens: await llama.continue(prompt, { length: LONGEST, choose }) });
  }
  for (const text of heldOutTexts(texts))
    sequences.push({ kind: 'held out', tokens: llama.tokenise(text).slice(0, LONGEST_HELD_OUT) });
  return sequences;
}

/** The index of the highest value, the first one of several. */
export function highest(logits: Float32Array | Float64Array): number {
  let best = 0;
  for (let i = 1; i < logits.length; i++) if ((logits[i] ?? 0) > (logits[best] ?? 0)) best = i;
  return best;
}

/** A token drawn at temperature 1. */
function sampled(logits: Float32Array, random: number): number {
  const top = logits[highest(logits)] ?? 0;
  const weights = Float64Array.from(logits, (logit) => Math.exp(logit - top));
  let left = random * weights.reduce((sum, weight) => sum + weight, 0);
  for (const [token, weight] of weights.entries()) {
    left -= weight;
    if (left < 0) return token;
  }
  return logits.length - 1;
}
