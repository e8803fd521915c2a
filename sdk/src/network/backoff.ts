export type BackoffOptions = {
  /** How often it has failed already. */
  readonly attempt: number;
  readonly firstMs: number;
  readonly maxMs: number;
};

/**
 * Milliseconds to wait before the next try: doubling from `firstMs` up to `maxMs`, of which a random half to whole is taken, so
 * that peers that lost the same one do not all return at once. `random` is uniform in [0, 1).
 */
export function backoffMs({ attempt, firstMs, maxMs }: BackoffOptions, random: () => number): number {
  const whole = Math.min(maxMs, firstMs * 2 ** Math.min(attempt, 30));
  return Math.round(whole * (0.5 + random() / 2));
}
