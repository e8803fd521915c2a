import { KarmeshError } from '../errors.ts';

/** `live`: a restart would help if this fails. `ready`: no work should arrive while this fails. */
export type HealthKind = 'live' | 'ready';

export type HealthCheck = {
  readonly name: string;
  readonly kind: HealthKind;
  /** Returns when all is well and throws when not. */
  check(signal: AbortSignal): void | Promise<void>;
};

export type HealthReport = {
  readonly ok: boolean;
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly sentence?: string }[];
};

export type Health = {
  /** Adds a check; the result takes it out again. */
  add(check: HealthCheck): () => void;
  /** Runs the checks of one kind together. A check that outlasts the deadline counts as failed. */
  report(kind: HealthKind): Promise<HealthReport>;
};

/** What `/healthz` and `/readyz` ask. `deadlineMs` bounds each check, 1,000 unless told. */
export const health = ({ deadlineMs = 1_000 }: { readonly deadlineMs?: number } = {}): Health => {
  const checks = new Set<HealthCheck>();
  const run = async ({ name, check }: HealthCheck): Promise<HealthReport['checks'][number]> => {
    const controller = new AbortController();
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      const error = new KarmeshError('ABORTED', 'The check did not end in time.', { name, deadlineMs });
      controller.abort(error);
      late.reject(error);
    }, deadlineMs);
    try {
      await Promise.race([Promise.resolve(check(controller.signal)), late.promise]);
      return { name, ok: true };
    } catch (cause) {
      return { name, ok: false, sentence: cause instanceof Error ? cause.message : String(cause) };
    } finally {
      clearTimeout(timer);
    }
  };
  return {
    add: (check) => {
      checks.add(check);
      return () => {
        checks.delete(check);
      };
    },
    report: async (kind) => {
      const results = await Promise.all([...checks].filter((each) => each.kind === kind).map(run));
      return { ok: results.every(({ ok }) => ok), checks: results };
    },
  };
};
