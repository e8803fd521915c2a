import type { QueueSample } from './queueFacts.ts';

const MINUTE_MS = 60_000;

export type QueueMinute = Omit<QueueSample, 'atMs'> & {
  /** 0 for the last sixty seconds, 1 for those before. */
  readonly minutesAgo: number;
};

/** The samples by minute, the newest first; the most of what was there at once, and the sum of what ended. */
export function byMinute(history: readonly QueueSample[]): readonly QueueMinute[] {
  const newest = history.at(-1)?.atMs ?? 0;
  const minutes = Map.groupBy(history, ({ atMs }) => Math.floor((newest - atMs) / MINUTE_MS));
  return [...minutes]
    .sort(([a], [b]) => a - b)
    .map(([minutesAgo, samples]) => ({
      minutesAgo,
      mostWaiting: Math.max(...samples.map(({ mostWaiting }) => mostWaiting)),
      mostRunning: Math.max(...samples.map(({ mostRunning }) => mostRunning)),
      agreed: samples.reduce((sum, { agreed }) => sum + agreed, 0),
      failed: samples.reduce((sum, { failed }) => sum + failed, 0),
    }));
}
