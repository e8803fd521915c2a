import { hash, type RequestId } from '@karmesh/sdk/protocol';
import { naturalLog } from './naturalLog.ts';

/** A token and its raw logit, a float of 32 bits. */
export interface TokenLogit {
  readonly token: number;
  readonly logit: number;
}

/** S-02: how many of the highest logits take part above temperature 0. */
export const SAMPLER_WINDOW = 64;

/** Where in which answer a token is taken; `position` counts output tokens from 0. */
export interface SamplePlace {
  readonly requestId: RequestId;
  readonly position: number;
  readonly temperatureMicro: number;
}

/** S-01: the order of tokens: higher logit first, then lower id, so that ties fall the same way everywhere. */
export function byLogit(a: TokenLogit, b: TokenLogit): number {
  return b.logit - a.logit || a.token - b.token;
}

const SEED_BYTES = 40;

/**
 * S-03: the noise of one token at one place: `g = -ln(-ln(u))`, `u = (k + 0.5) / 2^52`, k the first 52 bits, big-endian, of
 * `H(requestId || position u32 || token u32)`. 52 bits keep `k + 0.5` exact, so that u is never 0 nor 1.
 */
export function gumbelNoise(place: Pick<SamplePlace, 'requestId' | 'position'>, token: number): number {
  const seed = new Uint8Array(SEED_BYTES);
  const view = new DataView(seed.buffer);
  seed.set(place.requestId);
  view.setUint32(32, place.position, true);
  view.setUint32(36, token, true);
  const digest = hash(seed);
  const out = new DataView(digest.buffer, digest.byteOffset, digest.byteLength);
  const k = out.getUint32(0) * 2 ** 20 + (out.getUint32(4) >>> 12);
  return -naturalLog(-naturalLog((k + 0.5) / 2 ** 52));
}

/** S-04: what a token is judged by: its logit at temperature 0, else `logit / T + g` with T = temperatureMicro / 10^6. */
export function scoreOf(place: SamplePlace, candidate: TokenLogit): number {
  if (place.temperatureMicro === 0) return candidate.logit;
  return candidate.logit / (place.temperatureMicro / 1_000_000) + gumbelNoise(place, candidate.token);
}

/**
 * S-04: the token of one place. `sorted` holds the highest logits in the order of S-01, at least 64 of them (or the whole
 * vocabulary). Gumbel-max over them draws from their softmax (Gumbel 1954; Maddison et al. 2014, "A* Sampling"), and
 * anybody who has the logits can draw again.
 */
export function sampleToken(place: SamplePlace, sorted: readonly TokenLogit[]): number {
  const first = sorted[0];
  if (first === undefined) throw new RangeError('No logits to sample from.');
  if (place.temperatureMicro === 0) return first.token;
  let best = { token: first.token, score: Number.NEGATIVE_INFINITY };
  for (const candidate of sorted.slice(0, SAMPLER_WINDOW)) {
    const score = scoreOf(place, candidate);
    if (score > best.score || (score === best.score && candidate.token < best.token))
      best = { token: candidate.token, score };
  }
  return best.token;
}
