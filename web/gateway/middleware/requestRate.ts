import { createMiddleware } from 'hono/factory';
import { ApiError } from '../openai/apiError.ts';
import type { KeyHash } from '../store/apiKeys.ts';
import type { Authenticated } from './authenticate.ts';
import { tokenBuckets } from './tokenBuckets.ts';

/** So many requests, and tokens of them, at once, and as many again in every `perMs` milliseconds; what is not named has no bound. */
export type RequestRate = {
  readonly requests?: number | undefined;
  readonly tokens?: number | undefined;
  readonly perMs: number;
};

export type RateHeaders = Readonly<Record<string, string>>;

export type RequestRates = {
  /**
   * Counts one request of a key; the headers that say what is left of its rate, none where it has no rate.
   *
   * @throws ApiError 429 once the rate is used up.
   */
  take(keyHash: KeyHash): RateHeaders;
  /**
   * Counts as many tokens of a key as a request may use at most, which are asked for only where the key has such a rate; else as `take`.
   *
   * @throws ApiError 429 while the rate has not as many.
   */
  takeTokens(keyHash: KeyHash, tokens: () => number): RateHeaders;
};

/** Buckets that are remembered; those that are full need not be. */
const MAX_REMEMBERED = 10_000;

/** A bucket of requests and one of tokens for each key, in memory and for this process alone. */
export function requestRates(parts: {
  readonly clock: { nowMs(): number };
  rateOf(keyHash: KeyHash): RequestRate | undefined;
}): RequestRates {
  const { clock, rateOf } = parts;
  const buckets = tokenBuckets({ maxNames: MAX_REMEMBERED }, clock);

  const takeOf = (
    keyHash: KeyHash,
    { amount, kind, most, perMs }: { amount: number; kind: 'requests' | 'tokens'; most: number; perMs: number },
  ): RateHeaders => {
    const name = `${kind} ${Buffer.from(keyHash).toString('base64')}`;
    const { isTaken, left, waitMs } = buckets.take(name, { most, perMs }, amount);
    const headers = {
      [`x-ratelimit-limit-${kind}`]: most.toString(),
      [`x-ratelimit-remaining-${kind}`]: Math.floor(left).toString(),
      [`x-ratelimit-reset-${kind}`]: duration(((most - left) * perMs) / most),
    };
    if (isTaken) return headers;
    const wanted = kind === 'tokens' ? ` This one may use ${amount}.` : '';
    throw new ApiError({
      status: 429,
      type: 'rate_limit_error',
      code: 'rate_limit_exceeded',
      message: `Rate limit reached for this API key: ${most} ${kind} in ${duration(perMs)}.${wanted}`,
      headers: {
        ...headers,
        // What is more than the whole rate never fits.
        ...(amount > most
          ? { 'x-should-retry': 'false' }
          : { 'retry-after': Math.max(1, Math.ceil(waitMs / 1000)).toString() }),
      },
    });
  };

  return {
    take(keyHash) {
      const { perMs, requests } = rateOf(keyHash) ?? {};
      if (requests === undefined || perMs === undefined) return {};
      return takeOf(keyHash, { amount: 1, kind: 'requests', most: requests, perMs });
    },
    takeTokens(keyHash, tokens) {
      const { perMs, tokens: most } = rateOf(keyHash) ?? {};
      if (most === undefined || perMs === undefined) return {};
      return takeOf(keyHash, { amount: tokens(), kind: 'tokens', most, perMs });
    },
  };
}

/** As OpenAI writes one: `120ms`, `1.5s`, `6m0s`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.ceil(ms)}ms`;
  const seconds = Math.ceil(ms / 10) / 100;
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${Math.ceil(seconds % 60)}s`;
}

/** Counts each `POST` of a key, and tells in headers what is left. Needs `authenticate` before it. */
export const limitRate = (rates: RequestRates) =>
  createMiddleware<Authenticated>(async (context, next) => {
    if (context.req.method !== 'POST') return next();
    const headers = rates.take(context.get('keyHash'));
    await next();
    for (const [name, value] of Object.entries(headers)) context.res.headers.set(name, value);
    return undefined;
  });
