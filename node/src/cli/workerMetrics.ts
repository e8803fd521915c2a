import { type WorkerHealth, workerStates } from '@karmesh/sdk/network';
import type { Metrics } from '@karmesh/sdk/runtime';
import type { AuditOutcome } from '../worker/auditSession.ts';
import type { SessionOutcome } from '../worker/inferSession.ts';
import type { ReceiptLog } from '../worker/stores.ts';

type Load = { readonly active: number; readonly waiting: number };

/** What a worker counts for Prometheus; `most` is how many requests it takes. */
export function workerMetrics(metrics: Metrics, most: Load) {
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
  const failures = metrics.counter({
    name: 'worker_failures_total',
    help: 'Accepted dispatches that this worker failed, by cause.',
    labels: ['cause'],
  });
  const violations = metrics.counter({
    name: 'worker_violations_total',
    help: 'Sessions in which a gateway broke the protocol, by rule.',
    labels: ['rule'],
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
  const run = metrics.histogram({
    name: 'worker_run_seconds',
    help: 'From the start of a run to its last token.',
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120],
  });
  const receiptsLogged = metrics.counter({
    name: 'worker_receipts_total',
    help: 'Receipts that are on disk; one that was never revealed earns nothing.',
  });
  const audits = metrics.counter({ name: 'worker_audits_total', help: 'Audits by outcome.', labels: ['outcome'] });
  let health: (() => WorkerHealth) | undefined;
  metrics.gauge({
    name: 'worker_requests_count',
    help: 'Requests in hand, by state.',
    labels: ['state'],
    collect(gauge) {
      const { active, waiting } = health?.() ?? { active: 0, waiting: 0 };
      gauge.set({ state: 'active' }, active);
      gauge.set({ state: 'waiting' }, waiting);
    },
  });
  metrics.gauge({
    name: 'worker_state_count',
    help: '1 for what the worker does now: it serves, or one of its operator’s limits forbids new work.',
    labels: ['state'],
    collect(gauge) {
      const now = health?.().state;
      for (const state of workerStates) gauge.set({ state }, state === now ? 1 : 0);
    },
  });
  const capacity = metrics.gauge({
    name: 'worker_capacity_count',
    help: 'Requests that may be in hand, by state.',
    labels: ['state'],
  });
  capacity.set({ state: 'active' }, most.active);
  capacity.set({ state: 'waiting' }, most.waiting);
  return {
    /** Says how the worker is that is measured. */
    health(now: () => WorkerHealth): void {
      health = now;
    },
    /** The same log, whose records are counted once they are on disk. */
    receipts: (log: ReceiptLog): ReceiptLog => ({
      takeCounter: (epoch) => log.takeCounter(epoch),
      hasDispatch: (dispatchHash) => log.hasDispatch(dispatchHash),
      async record(receipt) {
        await log.record(receipt);
        receiptsLogged.inc();
      },
    }),
    infer(outcome: SessionOutcome): void {
      sessions.inc({ outcome: outcome.kind });
      if (outcome.kind === 'refused') refusals.inc({ reason: outcome.reason });
      if (outcome.kind === 'failed') failures.inc({ cause: outcome.cause });
      if (outcome.kind === 'violation') violations.inc({ rule: outcome.rule });
      if (outcome.kind !== 'revealed') return;
      const { promptTokens, outputTokens, timings } = outcome.result;
      tokens.inc({ kind: 'prompt' }, promptTokens);
      tokens.inc({ kind: 'output' }, outputTokens.length);
      firstToken.observe(timings.firstTokenMs / 1000);
      run.observe(timings.totalMs / 1000);
    },
    audit: (outcome: AuditOutcome): void => audits.inc({ outcome: outcome.kind }),
  };
}
