import type { Batch, Entry } from '@karmesh/sdk/protocol';
import type { Metrics } from '@karmesh/sdk/runtime';

/** What the market's own numbers are: entries, what became of workers, lamports, batches, the queue. */
export function observeMarket(metrics: Metrics) {
  const entries = metrics.counter({
    name: 'gateway_entries_total',
    help: 'Finished dispatches.',
    labels: ['verdict', 'assurance'],
  });
  const lamports = metrics.counter({
    name: 'gateway_priced_lamports_total',
    help: 'Lamports that finished dispatches cost.',
  });
  const workers = metrics.counter({
    name: 'gateway_drawn_workers_total',
    help: 'What became of drawn workers: receipt, refusal or a cause of time-out.',
    labels: ['outcome'],
  });
  const published = metrics.counter({
    name: 'gateway_published_entries_total',
    help: 'Entries in batches that were gossiped.',
  });
  return {
    entry({ dispatch, evidence, outcome }: Entry): void {
      entries.inc({ verdict: outcome.value.verdict, assurance: dispatch.value.assurance });
      lamports.inc(Number(outcome.value.price));
      workers.inc({ outcome: 'receipt' }, evidence.receipts.length);
      for (const { value } of evidence.refusals) workers.inc({ outcome: `refused ${value.reason}` });
      for (const { value } of evidence.timeouts) workers.inc({ outcome: value.cause });
    },
    published({ count }: Batch): void {
      published.inc(count);
    },
    /** Reads the queue whenever the metrics are read. */
    queue(queue: { readonly running: number; readonly waiting: number }): void {
      const gauge = metrics.gauge({
        name: 'gateway_requests_count',
        help: 'Requests in the market now.',
        labels: ['state'],
      });
      // prom-client calls `collect` before it renders; its type leaves the hook to the constructor.
      Object.assign(gauge, {
        collect() {
          gauge.set({ state: 'running' }, queue.running);
          gauge.set({ state: 'waiting' }, queue.waiting);
        },
      });
    },
  };
}
