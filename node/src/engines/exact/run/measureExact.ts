import type { PositionMeasurement } from '../../engine.ts';
import { type ChoiceParts, type ChoicePlace, chooseToken, type ExactLogit, exactScore, WINDOW } from './chooseToken.ts';

/** fraction bits of logits and scores. */
const ONE = 2 ** 20;

/**
 * S-07 by the integer scores of X-30: how far a claimed token is from the replay's own choice. `sorted` holds the highest logits in
 * order, one more than the window. An honest answer of this engine has no gap at all, since the replay is the same computation.
 */
export function measureExact(
  parts: ChoiceParts,
  place: ChoicePlace,
  seen: { readonly sorted: readonly ExactLogit[]; readonly claimed: ExactLogit },
): PositionMeasurement {
  const { sorted, claimed } = seen;
  const chosen = chooseToken(parts, place, sorted);
  const isGreedy = place.temperatureMicro === 0;
  const unit = (isGreedy ? 1 : place.temperatureMicro / 1_000_000) / ONE;
  const window = sorted.slice(0, WINDOW);
  const outside = isGreedy ? undefined : sorted[WINDOW];
  const claimedScore = exactScore(parts, place, claimed);
  const isInside = isGreedy || window.some(({ token }) => token === claimed.token);
  const lowest = window.at(-1);
  let gap = isInside || lowest === undefined ? 0 : Math.max(0, (lowest.logit - claimed.logit) / ONE);
  let rank = 0;
  const scores: number[] = [];
  for (const rival of window) {
    const score = exactScore(parts, place, rival);
    scores.push(score);
    if (!beats({ rival, score }, { claimed, claimedScore })) continue;
    rank++;
    const byWindow = outside === undefined ? Number.POSITIVE_INFINITY : (rival.logit - outside.logit) / ONE;
    gap = Math.max(gap, Math.min((score - claimedScore) * unit, byWindow));
  }
  scores.sort((a, b) => b - a);
  const margin = ((scores[0] ?? 0) - (scores[1] ?? scores[0] ?? 0)) * unit;
  // A token that loses a tie by its id is another token than the model's all the same.
  const least = claimed.token === chosen ? 0 : 1 / ONE;
  return { token: claimed.token, chosen, rank, gap: Math.max(gap, least), margin };
}

function beats(
  { rival, score }: { readonly rival: ExactLogit; readonly score: number },
  { claimed, claimedScore }: { readonly claimed: ExactLogit; readonly claimedScore: number },
): boolean {
  if (rival.token === claimed.token) return false;
  return score > claimedScore || (score === claimedScore && rival.token < claimed.token);
}
