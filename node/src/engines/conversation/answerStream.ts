import type { FinishReason } from '@karmesh/sdk/protocol';

/** What the rules of an answer's end need to know of a model. */
export interface TokenText {
  /** The text that `tokens` add after `before`; bytes of an unfinished character come out as U+FFFD. */
  detokenize(tokens: readonly number[], before: readonly number[]): string;
  /** Whether the model file marks the token as the end of a generation. */
  isEnd(token: number): boolean;
}

export interface AnswerStreamOptions {
  readonly stops: readonly string[];
  /** The answer has at most so many tokens: the request's limit or the room that the prompt leaves, whichever is smaller. */
  readonly limit: number;
}

/** Text that became certain with a token, and why the answer ended with it, if it did. */
export interface AnswerStep {
  readonly text: string;
  readonly finishReason: FinishReason | undefined;
}

/** UTF-8 has at most four bytes, and a byte takes at most one token. */
const LONGEST_CHARACTER = 4;
const CONTEXT_TOKENS = 4;

/**
 * Where an answer ends and which text it has, token by token; a replay that pushes the same tokens comes to the same end.
 *
 * S-05: every token that was taken belongs to the answer's tokens, the one that ends it included. A token that the model marks as
 * the end has no text. S-06: the answer ends with `stop` at such a token, or at the token that completes a stop text; the text is
 * cut before the first place where any stop text begins. Otherwise it ends with `length` at the limit.
 */
export function answerStream({ stops, limit }: AnswerStreamOptions) {
  const cuts = stops.filter((stop) => stop.length > 0);
  return (model: TokenText): { push(token: number): AnswerStep } => {
    let count = 0;
    let before: number[] = [];
    let unfinished: number[] = [];
    // Text that may still turn out to be the beginning of a stop text.
    let held = '';

    const release = (finishReason: FinishReason | undefined): AnswerStep => {
      const keep = finishReason === undefined ? heldLength(held, cuts) : 0;
      const text = held.slice(0, held.length - keep);
      held = held.slice(held.length - keep);
      return { text, finishReason };
    };

    const push = (token: number): AnswerStep => {
      count++;
      const isEnd = model.isEnd(token);
      if (!isEnd) unfinished.push(token);
      const isLast = isEnd || count >= limit;
      const decoded = unfinished.length === 0 ? '' : model.detokenize(unfinished, before);
      if (isLast || !decoded.endsWith('\ufffd') || unfinished.length >= LONGEST_CHARACTER) {
        held += decoded;
        before = [...before, ...unfinished].slice(-CONTEXT_TOKENS);
        unfinished = [];
      }
      const cut = firstStop(held, cuts);
      if (cut !== undefined) {
        held = held.slice(0, cut);
        return release('stop');
      }
      return release(isEnd ? 'stop' : isLast ? 'length' : undefined);
    };
    return { push };
  };
}

function firstStop(text: string, stops: readonly string[]): number | undefined {
  const places = stops.map((stop) => text.indexOf(stop)).filter((place) => place >= 0);
  return places.length === 0 ? undefined : Math.min(...places);
}

/** The length of the longest end of `text` with which some stop text begins. */
function heldLength(text: string, stops: readonly string[]): number {
  let longest = 0;
  for (const stop of stops) {
    for (let length = Math.min(stop.length - 1, text.length); length > longest; length--) {
      if (text.endsWith(stop.slice(0, length))) longest = length;
    }
  }
  return longest;
}
