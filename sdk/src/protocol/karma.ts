/** The five parts of karma, in the order of every array of five. */
export const KARMA_PARTS = ['inference', 'seeding', 'uptime', 'redundancy', 'validation'] as const;
export type KarmaPart = (typeof KARMA_PARTS)[number];

/** Five counters in micro-karma, in the order of `KARMA_PARTS`. */
export type KarmaVector = readonly [bigint, bigint, bigint, bigint, bigint];
export const ZERO_KARMA: KarmaVector = [0n, 0n, 0n, 0n, 0n];

/** K-01: an output token costs about as much as eight prompt tokens, because decoding is bound by memory and prefill by arithmetic. */
export function weightedTokens(tokens: { readonly promptTokens: number; readonly outputTokens: number }): bigint {
  return BigInt(tokens.promptTokens) + 8n * BigInt(tokens.outputTokens);
}

/** K-02: inference karma in micro-karma, `floor(active parameters x (prompt + 8 x output) / 8000)`. Linear in work, so splitting gains nothing. */
export function inferenceKarma(work: {
  readonly activeParameters: bigint;
  readonly promptTokens: number;
  readonly outputTokens: number;
}): bigint {
  return (work.activeParameters * weightedTokens(work)) / 8000n;
}

/**
 * K-03: moves karma by at most 10 % for latency. `elapsedMs` and `targetMs` are milliseconds from dispatch to the last token by
 * the gateway's signed times; faster than target gains, slower loses, in proportion: factor = clamp(1 + (target - elapsed) / (10 x target)).
 */
export function latencyAdjusted(
  karma: bigint,
  times: { readonly elapsedMs: bigint; readonly targetMs: bigint },
): bigint {
  if (times.targetMs === 0n) return karma;
  const shift = ((times.targetMs - times.elapsedMs) * 1000n) / times.targetMs;
  const bounded = shift > 1000n ? 1000n : shift < -1000n ? -1000n : shift;
  return (karma * (10_000n + bounded)) / 10_000n;
}

/** K-04: the extra half that a `quorum` or `proof` answer earns as redundancy karma (x 1.5 in all). A `stream` answer earns none. */
export function redundancyKarma(inference: bigint): bigint {
  return inference / 2n;
}

/** M-01: what a ticket is charged by: its own unit price, or the list price of its dispatch's epoch where that is higher. */
export function unitPriceOf(ticket: { readonly unitPrice: bigint }, listPrice: bigint): bigint {
  return ticket.unitPrice > listPrice ? ticket.unitPrice : listPrice;
}

/** M-01: the price in lamports, `ceil(unit price x active parameters x (prompt + 8 x output) / (8 x 10^9))`; the unit price is per 1,000 output tokens and million active parameters. */
export function priceLamports(work: {
  readonly unitPrice: bigint;
  readonly activeParameters: bigint;
  readonly promptTokens: number;
  readonly outputTokens: number;
}): bigint {
  const numerator = work.unitPrice * work.activeParameters * weightedTokens(work);
  const denominator = 8_000_000_000n;
  return (numerator + denominator - 1n) / denominator;
}

/** `floor(2^32 x 2^(-2^-k))` for k = 1 to 24: the factors of K-06. */
const HALVING_FACTORS: readonly bigint[] = [
  3037000499n,
  3611622602n,
  3938502375n,
  4112874773n,
  4202935003n,
  4248701964n,
  4271771996n,
  4283353945n,
  4289156690n,
  4292061009n,
  4293513906n,
  4294240539n,
  4294603902n,
  4294785595n,
  4294876444n,
  4294921870n,
  4294944583n,
  4294955939n,
  4294961617n,
  4294964456n,
  4294965876n,
  4294966586n,
  4294966941n,
  4294967118n,
];

/**
 * K-06: decay by a half-life in fixed point, the same on chain: whole half-lives shift right; the rest is 24 bits of a fraction,
 * each set bit one multiplication by a factor of 32 bits. Always rounds down.
 */
export function decayKarma(
  karma: bigint,
  time: { readonly elapsedSlots: bigint; readonly halfLifeSlots: bigint },
): bigint {
  if (time.halfLifeSlots === 0n) return karma;
  const whole = time.elapsedSlots / time.halfLifeSlots;
  if (whole >= 64n) return 0n;
  const fraction = ((time.elapsedSlots % time.halfLifeSlots) << 24n) / time.halfLifeSlots;
  let out = karma >> whole;
  for (const [index, factor] of HALVING_FACTORS.entries()) {
    if ((fraction >> BigInt(23 - index)) & 1n) out = (out * factor) >> 32n;
  }
  return out;
}

export function addKarma(a: KarmaVector, b: KarmaVector): KarmaVector {
  return [a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3], a[4] + b[4]];
}
