import type { PositionMeasurement } from '../engine.ts';
import { SAMPLER_WINDOW, type SamplePlace, sampleToken, scoreOf, type TokenLogit } from './sampler.ts';

/**
 * S-07: how far a claimed token is from the replay's choice. A rival that scores higher is explained either by closing the
 * difference of scores or by pushing the rival out of the window of S-02, whichever takes the smaller shift of logits; a claimed
 * token outside of the window must first come in. The gap is the largest shift needed, in logits at every temperature.
 */
export function measurePosition(options: {
  readonly place: SamplePlace;
  readonly claimed: TokenLogit;
  /** The replay's highest logits in the order of S-01; more than the window unless the vocabulary is smaller. */
  readonly sorted: readonly TokenLogit[];
}): PositionMeasurement {
  const { place, claimed, sorted } = options;
  const isGreedy = place.temperatureMicro === 0;
  const unit = isGreedy ? 1 : place.temperatureMicro / 1_000_000;
  const window = sorted.slice(0, SAMPLER_WINDOW);
  const inWindow = isGreedy || window.some(({ token }) => token === claimed.token);
  const outside = isGreedy ? undefined : sorted[SAMPLER_WINDOW];
  const lastInside = window[window.length - 1];
  const claimedScore = scoreOf(place, claimed);
  let gap = inWindow || lastInside === undefined ? 0 : Math.max(0, lastInside.logit - claimed.logit);
  let rank = 0;
  const scores: number[] = [];
  for (const rival of window) {
    const score = scoreOf(place, rival);
    scores.push(score);
    if (rival.token === claimed.token) continue;
    if (score < claimedScore || (score === claimedScore && rival.token > claimed.token)) continue;
    rank++;
    const byScore = (score - claimedScore) * unit;
    const byWindow = outside === undefined ? Number.POSITIVE_INFINITY : rival.logit - outside.logit;
    gap = Math.max(gap, Math.min(byScore, byWindow));
  }
  scores.sort((a, b) => b - a);
  const margin = ((scores[0] ?? 0) - (scores[1] ?? scores[0] ?? 0)) * unit;
  return { token: claimed.token, chosen: sampleToken(place, sorted), rank, gap, margin };
}
