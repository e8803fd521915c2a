import type { Context } from 'hono';
import { ApiError } from '../openai/apiError.ts';
import { duration } from './requestRate.ts';
import { type BucketRate, tokenBuckets } from './tokenBuckets.ts';

export type UnpaidRates = {
  readonly perAddress: BucketRate;
  /** Of all addresses together. */
  readonly inAll: BucketRate;
};

export type UnpaidBound = {
  /**
   * Counts a request without a key; what it gives takes that back once the request has paid.
   *
   * @throws ApiError 429 once its address, or all together, have used their rate up.
   */
  take(context: Context): () => void;
};

/** Addresses that are remembered; those who have their whole rate need not be. */
const MAX_REMEMBERED = 100_000;
const ALL = 'all';

/** Bounds what those may ask who have paid nothing yet: each is told a price, which is signed, and each payment is simulated by the RPC node. */
export function unpaidBound(
  rates: UnpaidRates,
  parts: { readonly clock: { nowMs(): number }; readonly addressOf: (context: Context) => string },
): UnpaidBound {
  const addresses = tokenBuckets({ maxNames: MAX_REMEMBERED }, parts.clock);
  const all = tokenBuckets({ maxNames: 1 }, parts.clock);
  return {
    take(context) {
      const { inAll, perAddress } = rates;
      const address = parts.addressOf(context);
      // An address that has nothing left takes nothing from the others.
      const own = addresses.take(address, perAddress);
      if (!own.isTaken) throw tooMany('from your address', perAddress, own.waitMs);
      const common = all.take(ALL, inAll);
      if (!common.isTaken) {
        addresses.giveBack(address);
        throw tooMany('from everybody together', inAll, common.waitMs);
      }
      return () => {
        addresses.giveBack(address);
        all.giveBack(ALL);
      };
    },
  };
}

function tooMany(whose: string, { most, perMs }: BucketRate, waitMs: number): ApiError {
  return new ApiError({
    status: 429,
    type: 'rate_limit_error',
    code: 'rate_limit_exceeded',
    message: `Rate limit reached for requests without an API key ${whose}: ${most} in ${duration(perMs)}.`,
    headers: { 'retry-after': Math.max(1, Math.ceil(waitMs / 1000)).toString() },
  });
}
