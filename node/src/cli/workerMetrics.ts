import type { Metrics } from '@karmesh/sdk/runtime';
import type { AuditOutcome } from '../worker/auditSession.ts';
import type { SessionOutcome } from '../worker/inferSession.ts';

/** What a worker counts for Prometheus. */
export function workerMetrics(
  metrics: Metrics,
  load: () => { readonly active: number; readonly waiting: number },
): { infer(outcome: SessionOutcome): void; audit(outcome: AuditOutcome): void } {
  const sessions = metrics.counter({
    name: 'worker_sessions_total',
    help: 'Dispatches by how their session ended.',
    labels: ['outcome'],
  });
  const refusals = metrics.counter({
    name: 'worker_refusals_total',
    help: 'Signed refusals by reason.',
    labels: ['reason'],
  });
  const tokens = metrics.counter({
    name: 'worker_tokens_total',
    help: 'Tokens of revealed answers.',
    labels: ['kind'],
  });
  const firstToken = metrics.histogram({
    name: 'worker_first_token_seconds',
    help: 'From the start of a run to its first token.',
  });
  const run = metrics.histogram({ name: 'worker_run_seconds', help: 'From the start of a run to its last token.' });
  const audits = metrics.counter({ name: 'worker_audits_total', help: 'Audits by outcome.', labels: ['outcome'] });
  const queue = metrics.gauge({
    name: 'worker_requests_count',
    help: 'Requests in hand, by state.',
    labels: ['state'],
  });
  const refreshQueue = (): void => {
    const { active, waiting } = load();
    queue.set({ state: 'active' }, active);
    queue.set({ state: 'waiting' }, waiting);
  };
  refreshQueue();
  return {
    infer(outcome) {
      refreshQueue();
      sessions.inc({ outcome: outcome.kind });
      if (outcome.kind === 'refused') refusals.inc({ reason: outcome.reason });
      if (outcome.kind !== 'revealed') return;
      const { promptTokens, outputTokens, timings } = outcome.result;
      tokens.inc({ kind: 'prompt' }, promptTokens);
      tokens.inc({ kind: 'output' }, outputTokens.length);
      firstToken.observe(timings.firstTokenMs / 1000);
      run.observe(timings.totalMs / 1000);
    },
    audit: (outcome) => audits.inc({ outcome: outcome.kind }),
  };
}
