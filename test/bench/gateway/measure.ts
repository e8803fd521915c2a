import { median } from '../report.ts';
import type { Contender } from './contenders.ts';
import type { LoadOrder, LoadResult } from './load.ts';
import type { PinnedProcess } from './pinnedProcess.ts';

/** What a contender did in one kind of window, over all rounds. */
export type Measured = {
  /** The median of the rounds. */
  readonly perSecond: number;
  /** Of the contender's own process, a request; the median of the rounds. */
  readonly cpuMs: number;
  /** The same of what else was watched. */
  readonly besideMs: readonly number[];
};

export type Meter = {
  /** One window that counts. */
  window(): Promise<void>;
  take(): Measured;
};

export type Client = (order: LoadOrder) => Promise<LoadResult>;

/** The client's process as a function, which keeps count of what failed. Throws where no answer at all was the upstream's. */
export function clientOf(load: PinnedProcess): { readonly client: Client; failed(url: string): number } {
  const failures = new Map<string, number>();
  return {
    async client(order) {
      const result = (await load.ask(order)) as LoadResult;
      failures.set(order.url, (failures.get(order.url) ?? 0) + result.failed);
      if (result.answers > 0) return result;
      throw new Error(`${result.failed} requests to ${order.url} failed, the first by: ${result.firstFault}`);
    },
    failed: (url) => failures.get(url) ?? 0,
  };
}

/** Measures windows of one kind against one contender; `beside` are other processes' processor times. */
export function meterOf(
  client: Client,
  options: {
    readonly contender: Contender;
    readonly stream: boolean;
    readonly atOnce: number;
    readonly forMs: number;
    readonly beside?: readonly (() => Promise<number>)[];
  },
): Meter {
  const { atOnce, beside = [], contender, forMs, stream } = options;
  const { key, url } = contender;
  const rounds: Measured[] = [];
  const times = () => Promise.all([contender.process.cpuMs, ...beside].map((read) => read()));
  return {
    async window() {
      const before = await times();
      const { answers, ms } = await client({ url, key, stream, atOnce, forMs, requests: Number.MAX_SAFE_INTEGER });
      const [cpuMs = Number.NaN, ...besideMs] = (await times()).map((now, i) => (now - (before[i] ?? 0)) / answers);
      rounds.push({ perSecond: (1_000 * answers) / ms, cpuMs, besideMs });
    },
    take: () => ({
      perSecond: median(rounds.map(({ perSecond }) => perSecond)),
      cpuMs: median(rounds.map(({ cpuMs }) => cpuMs)),
      besideMs: beside.map((_, i) => median(rounds.map(({ besideMs }) => besideMs[i] ?? Number.NaN))),
    }),
  };
}

/** Of numbers, the one that so many hundredths of them do not exceed. */
export function percentile(values: readonly number[], hundredths: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.ceil((sorted.length * hundredths) / 100) - 1] ?? Number.NaN;
}
