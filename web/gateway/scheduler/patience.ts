import type { Clock } from '@karmesh/sdk/clock';
import { toHex } from '@karmesh/sdk/protocol';
import type { SessionLimits } from './workerSession.ts';

export type Patience = {
  /** How long the next ask of a worker may take. */
  limitsFor(worker: Uint8Array): SessionLimits;
  /** It accepted or refused. */
  answered(worker: Uint8Array): void;
  /** It could not be reached, or did neither. */
  silent(worker: Uint8Array): void;
};

export type PatienceParts = {
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Called when a worker begins to be asked only briefly, and when it answers again. */
  readonly onChange: (worker: Uint8Array, now: 'brief' | 'full') => void;
};

/** Silences in a row after which a worker is asked only briefly. */
const MAX_SILENCES = 3;
/** The part of the usual time that such a worker gets to be reached and to accept. */
const BRIEF_SHARE = 0.2;
/** How long until it is given the usual time again, doubled with each time that this did not help. */
const FIRST_PROBE_MS = 5_000;
const LAST_PROBE_MS = 60_000;

/**
 * A circuit breaker as far as the protocol allows one (docs/decisions/0013-no-worker-is-skipped.md): who is drawn is asked, but who was
 * silent again and again holds nobody up for long. Now and then one ask has the usual time, so that a worker that is back but slow
 * gets out of it.
 */
export const patience =
  (limits: SessionLimits) =>
  ({ clock, onChange }: PatienceParts): Patience => {
    const rows = new Map<string, { silences: number; probeAtMs: number; waitMs: number }>();
    const brief: SessionLimits = {
      ...limits,
      openMs: Math.ceil(limits.openMs * BRIEF_SHARE),
      acceptMs: Math.ceil(limits.acceptMs * BRIEF_SHARE),
    };
    return {
      limitsFor(worker) {
        const row = rows.get(toHex(worker));
        if (row === undefined || row.silences < MAX_SILENCES) return limits;
        if (clock.nowMs() < row.probeAtMs) return brief;
        row.waitMs = Math.min(2 * row.waitMs, LAST_PROBE_MS);
        row.probeAtMs = clock.nowMs() + row.waitMs;
        return limits;
      },
      answered(worker) {
        const row = rows.get(toHex(worker));
        rows.delete(toHex(worker));
        if (row !== undefined && row.silences >= MAX_SILENCES) onChange(worker, 'full');
      },
      silent(worker) {
        const row = rows.get(toHex(worker)) ?? { silences: 0, probeAtMs: 0, waitMs: FIRST_PROBE_MS };
        rows.set(toHex(worker), row);
        row.silences += 1;
        if (row.silences !== MAX_SILENCES) return;
        row.probeAtMs = clock.nowMs() + row.waitMs;
        onChange(worker, 'brief');
      },
    };
  };
