import type { Strategy } from './strategies.ts';

/** What is challenged of an answer that was drawn: one token with all of its operators and links (Z-42), or, for comparison, a single operator of the run. */
export type ChallengeUnit = 'token' | 'operator';

/**
 * The probability that one answer convicts the worker: it is drawn at rate p (U-01), and then the token that is drawn uniformly after the commitment is false with the share of false
 * tokens; a whole token shows that surely, a single operator of it with the share of false operators.
 */
export function caughtByAnswer(
  strategy: Strategy,
  { unit, rate }: { readonly unit: ChallengeUnit; readonly rate: number },
) {
  const { falseTokens, falseOperators } = strategy;
  return rate * falseTokens * (unit === 'token' ? 1 : falseOperators);
}

/** Draws are independent: (1 - c)^N. */
export function undetected(caught: number, answers: number): number {
  return (1 - caught) ** answers;
}

/** How many answers it takes until a worker is caught with probability `by`; none if it never is. */
export function answersUntil(caught: number, by: number): number {
  return Math.ceil(Math.log1p(-by) / Math.log1p(-caught));
}

/**
 * The rate above which the cheat loses: it keeps a gain G of every answer that does not convict it and loses the bond S with the first that does, so it pays while (1 - c) G > c S, and
 * c = rate * share: rate > G / (S + G) / share. Above 1 no rate is enough.
 */
export function rateThatDeters(
  strategy: Strategy,
  { unit, bondPerGain }: { readonly unit: ChallengeUnit; readonly bondPerGain: number },
) {
  return 1 / (bondPerGain + 1) / caughtByAnswer(strategy, { unit, rate: 1 });
}
