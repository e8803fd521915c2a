import type { SteadyClock } from '@karmesh/sdk/clock';

/** W-23: how long what was sent may be under way, and a halt back, in milliseconds: more than a connection that still lives takes (N-03). */
const UNDER_WAY_MS = 2_000;

/** Whether a dispatch was told to halt, and by which rules it lets itself be told. */
export interface Halting {
  /** W-22: the output tokens at which the answer is to end, once that was said. */
  readonly at: number | undefined;
  /** Resolves when it was said. */
  readonly told: Promise<void>;
  /** From now on a halt may come, at so many tokens at most. */
  allow(maxTokens: number): void;
  /** From now on none may come: seals were exchanged. */
  forbid(): void;
  /** Takes note that a chunk was handed to the connection, with which so many output tokens are. */
  sent(outputTokens: number): void;
  /** Takes a gateway's halt. Gives the rule that it breaks, if it breaks one; then nothing has changed. */
  take(outputTokens: number): 'W-22' | 'W-23' | undefined;
}

export function halting({ clock }: { readonly clock: SteadyClock }): Halting {
  const told = Promise.withResolvers<void>();
  let at: number | undefined;
  let most = 0;
  /** What was sent when, without what newer entries that are old enough make useless. */
  const record: { readonly atMs: number; readonly outputTokens: number }[] = [];

  const isOld = ({ atMs }: { readonly atMs: number }): boolean => atMs <= clock.nowMs() - UNDER_WAY_MS;

  return {
    get at() {
      return at;
    },
    told: told.promise,
    allow(maxTokens) {
      most = maxTokens;
    },
    forbid() {
      most = 0;
    },
    sent(outputTokens) {
      record.push({ atMs: clock.nowMs(), outputTokens });
      while (record[1] !== undefined && isOld(record[1])) record.shift();
    },
    take(outputTokens) {
      if (at !== undefined || outputTokens < 1 || outputTokens > most) return 'W-22';
      if (outputTokens < (record.findLast(isOld)?.outputTokens ?? 0)) return 'W-23';
      at = outputTokens;
      told.resolve();
      return undefined;
    },
  };
}
