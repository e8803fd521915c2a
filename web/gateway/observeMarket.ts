import { type WorkerState, workerStates } from '@karmesh/sdk/network';
import { type Batch, type Entry, equalBytes } from '@karmesh/sdk/protocol';
import type { Metrics } from '@karmesh/sdk/runtime';
import type { DatabaseObserver } from './store/openDatabase.ts';

export type WatchedMarket = {
  /** Requests in the market now, and lamports of the escrow that none of them has taken or reserved. */
  readonly market: { readonly running: number; readonly waiting: number; readonly availableLamports: bigint };
  readonly most: { readonly maxRunning: number; readonly maxWaiting: number };
  /** Entries that no header has carried out yet, and the Unix milliseconds at which the first of them was finished. */
  readonly unpublished: () => Promise<{ readonly count: number; readonly oldestAtMs: bigint | undefined }>;
  /** How many of the coming epochs have a committed hash chain. */
  readonly committedAhead: () => number;
  /** What the workers that announce themselves say that they do. */
  readonly workerStates: () => readonly WorkerState[];
  /** Lamports of entries that the chain was not shown a voucher for. */
  readonly unredeemed: () => Promise<bigint>;
  /** What the last check of the ledger found. */
  readonly ledgerDifferences: () => Promise<number>;
  readonly nowMs: () => number;
};

/** What the market's own numbers are: entries, what became of workers, lamports, batches, the queue, the database. */
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
    help: 'What became of drawn workers: agreed, dissented, refused for a reason, or a cause of time-out.',
    labels: ['outcome'],
  });
  const published = metrics.counter({
    name: 'gateway_published_entries_total',
    help: 'Entries in batches that were gossiped.',
  });
  const queries = metrics.histogram({
    name: 'gateway_database_query_seconds',
    help: 'How long queries of the database took.',
    buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.25, 1, 5],
  });
  const databaseErrors = metrics.counter({
    name: 'gateway_database_errors_total',
    help: 'Queries that failed, and idle connections that broke.',
  });
  const database: DatabaseObserver = {
    query: (ms) => queries.observe(ms / 1000),
    error: () => databaseErrors.inc(),
  };
  const redeemed = metrics.counter({
    name: 'gateway_vouchers_redeemed_total',
    help: 'Vouchers that the chain was shown, and attempts that failed.',
    labels: ['outcome'],
  });
  return {
    database,
    redeemed: (outcome: 'shown' | 'failed'): void => redeemed.inc({ outcome }),
    entry({ dispatch, evidence, outcome }: Entry): void {
      const { verdict, outputHash, price } = outcome.value;
      entries.inc({ verdict, assurance: dispatch.value.assurance });
      lamports.inc(Number(price));
      for (const { receipt } of evidence.receipts) {
        const agrees = verdict === 'agreed' && equalBytes(receipt.value.outputHash, outputHash);
        workers.inc({ outcome: agrees ? 'agreed' : 'dissented' });
      }
      for (const { value } of evidence.refusals) workers.inc({ outcome: `refused ${value.reason}` });
      for (const { value } of evidence.timeouts) workers.inc({ outcome: value.cause });
    },
    published({ count }: Batch): void {
      published.inc(count);
    },
    /** Looks at the rest whenever the metrics are read. */
    watch({ market, most, unpublished, committedAhead, nowMs, ...watched }: WatchedMarket): void {
      metrics.gauge({
        name: 'gateway_requests_count',
        help: 'Requests in the market now.',
        labels: ['state'],
        collect(gauge) {
          gauge.set({ state: 'running' }, market.running);
          gauge.set({ state: 'waiting' }, market.waiting);
        },
      });
      const capacity = metrics.gauge({
        name: 'gateway_capacity_count',
        help: 'Requests that may be in the market, by state; one more is turned away.',
        labels: ['state'],
      });
      capacity.set({ state: 'running' }, most.maxRunning);
      capacity.set({ state: 'waiting' }, most.maxWaiting);
      metrics.gauge({
        name: 'gateway_escrow_available_lamports',
        help: 'What the escrow has left for requests, less what unsettled entries cost and running requests may cost.',
        collect: (gauge) => gauge.set(Number(market.availableLamports)),
      });
      metrics.gauge({
        name: 'gateway_committed_ahead_epochs',
        help: 'Coming epochs whose hash chain is committed; without one the next epoch takes no requests.',
        collect: (gauge) => gauge.set(committedAhead()),
      });
      metrics.gauge({
        name: 'gateway_announced_workers_count',
        help: 'Workers that announce themselves here, by what they say that they do.',
        labels: ['state'],
        collect(gauge) {
          const said = watched.workerStates();
          for (const state of workerStates) gauge.set({ state }, said.filter((each) => each === state).length);
        },
      });
      const unredeemed = shared(watched.unredeemed);
      metrics.gauge({
        name: 'gateway_unredeemed_lamports',
        help: 'What entries cost escrows of buyers beyond what the chain was shown a voucher for; NaN while the database fails.',
        collect: async (gauge) => gauge.set(Number((await unredeemed()) ?? Number.NaN)),
      });
      const ledger = shared(watched.ledgerDifferences);
      metrics.gauge({
        name: 'gateway_ledger_differences_count',
        help: 'Where the ledger was not what it stands for at its last check, by whichever gateway of the database; NaN while the database fails.',
        collect: async (gauge) => gauge.set((await ledger()) ?? Number.NaN),
      });
      const backlog = shared(unpublished);
      metrics.gauge({
        name: 'gateway_unpublished_entries_count',
        help: 'Entries that wait to be gossiped; NaN while the database fails.',
        collect: async (gauge) => gauge.set((await backlog())?.count ?? Number.NaN),
      });
      metrics.gauge({
        name: 'gateway_unpublished_age_seconds',
        help: 'How long the first entry that waits to be gossiped has been finished; 0 if none waits.',
        collect: async (gauge) => gauge.set(ageSeconds(await backlog(), nowMs())),
      });
    },
  };
}

type Backlog = Awaited<ReturnType<WatchedMarket['unpublished']>>;

function ageSeconds(backlog: Backlog | undefined, nowMs: number): number {
  if (backlog === undefined) return Number.NaN;
  return backlog.oldestAtMs === undefined ? 0 : Math.max(0, nowMs - Number(backlog.oldestAtMs)) / 1000;
}

/** One reading for all who ask while it is under way; undefined where it fails, which the database's own counter shows. */
function shared<T>(read: () => Promise<T>): () => Promise<T | undefined> {
  let reading: Promise<T | undefined> | undefined;
  return () => {
    reading ??= read()
      .catch(() => undefined)
      .finally(() => {
        reading = undefined;
      });
    return reading;
  };
}
