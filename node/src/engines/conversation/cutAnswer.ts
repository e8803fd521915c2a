import type { GeneratedAnswer } from '../engine.ts';
import { answerStream, type TokenText } from './answerStream.ts';

/** An answer's tokens, what they say, and why they end. */
export type AnswerEnd = Pick<GeneratedAnswer, 'outputTokens' | 'text' | 'finishReason'>;

/** Whether an answer of these tokens has come to where it is to end, if that was said. */
export function isHalted(
  halt: { readonly at: number | undefined } | undefined,
  outputTokens: readonly number[],
): boolean {
  return halt?.at !== undefined && outputTokens.length >= halt.at;
}

/**
 * W-22: the answer of a reader who left after `at` tokens. One that ended by itself until then stays as it is; of a longer one the first
 * tokens are left, with all that they say, what was held back for a stop text included.
 */
export function cutAnswer(
  answer: AnswerEnd,
  { at, stops }: { readonly at: number | undefined; readonly stops: readonly string[] },
  model: TokenText,
): AnswerEnd {
  const { outputTokens, finishReason } = answer;
  if (at === undefined || outputTokens.length < at || (outputTokens.length === at && finishReason !== 'halted'))
    return answer;
  const kept = outputTokens.slice(0, at);
  const stream = answerStream({ stops, limit: at })(model);
  return { outputTokens: kept, text: kept.map((token) => stream.push(token).text).join(''), finishReason: 'halted' };
}
