import type { Clock } from '@karmesh/sdk/clock';
import { priceLamports } from '@karmesh/sdk/protocol';
import type { MarketModel } from '../market.ts';
import { type RequestStages, requestStages, type StageCounts } from '../scheduler/requestStages.ts';

/** What happened within `sampleMs` up to `atMs`: the most requests that were in the market at once, and how many ended. */
export type QueueSample = {
  readonly atMs: number;
  readonly mostWaiting: number;
  readonly mostRunning: number;
  readonly agreed: number;
  readonly failed: number;
};

export type QueueFacts = {
  readonly atMs: number;
  readonly stages: StageCounts;
  /** Requests that may run and wait; one more is turned away. */
  readonly maxRunning: number;
  readonly maxWaiting: number;
  readonly sampleMs: number;
  /** The newest last. */
  readonly history: readonly QueueSample[];
  /** What 1,000 tokens of each model's answer, and of a prompt, cost, in lamports. */
  readonly prices: readonly {
    readonly model: string;
    readonly outputLamports: string;
    readonly promptLamports: string;
  }[];
};

export type QueueOptions = {
  readonly maxRunning: number;
  readonly maxWaiting: number;
  readonly sampleMs: number;
  readonly maxSamples: number;
};

export type QueueParts = {
  models(): readonly MarketModel[];
  /** M-01, of the cheapest lane at present. */
  unitPrice(): bigint;
  readonly clock: Clock;
};

export type ObservedQueue = Disposable & {
  /** Where the scheduler says where its requests are. */
  readonly stages: Pick<RequestStages, 'enter'>;
  /** A request has ended, with this verdict. */
  ended(verdict: 'agreed' | 'none'): void;
  read(): QueueFacts;
  /** Called whenever the picture has changed; the result stops it. */
  onChange(listener: () => void): () => void;
};

/** Follows the gateway's queue: how many requests are where now, how it was in the last minutes, what an answer costs. */
export const observeQueue =
  (options: QueueOptions) =>
  ({ clock, models, unitPrice }: QueueParts): ObservedQueue => {
    const { maxRunning, maxSamples, maxWaiting, sampleMs } = options;
    const listeners = new Set<() => void>();
    let history: readonly QueueSample[] = [];
    let now = { mostWaiting: 0, mostRunning: 0, agreed: 0, failed: 0 };

    const tell = (): void => {
      for (const listener of listeners) listener();
    };
    const present = () => {
      const { waiting, ...running } = stages.count();
      return { waiting, running: Object.values(running).reduce((sum, count) => sum + count, 0) };
    };
    const stages = requestStages(() => {
      const { running, waiting } = present();
      now.mostWaiting = Math.max(now.mostWaiting, waiting);
      now.mostRunning = Math.max(now.mostRunning, running);
      tell();
    });
    const sample = (): void => {
      history = [...history, { atMs: clock.nowMs(), ...now }].slice(-maxSamples);
      const { running, waiting } = present();
      now = { mostWaiting: waiting, mostRunning: running, agreed: 0, failed: 0 };
      stop = clock.alarm(sampleMs, sample);
      tell();
    };
    let stop = clock.alarm(sampleMs, sample);

    return {
      stages,
      ended(verdict) {
        now[verdict === 'agreed' ? 'agreed' : 'failed'] += 1;
      },
      onChange(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      read: () => ({
        atMs: clock.nowMs(),
        stages: stages.count(),
        maxRunning,
        maxWaiting,
        sampleMs,
        history,
        prices: models().map(({ manifest }) => {
          const price = (promptTokens: number, outputTokens: number): string => {
            const { activeParameters } = manifest;
            return priceLamports({ unitPrice: unitPrice(), activeParameters, promptTokens, outputTokens }).toString();
          };
          return { model: manifest.name, outputLamports: price(0, 1000), promptLamports: price(1000, 0) };
        }),
      }),
      [Symbol.dispose]() {
        stop();
        listeners.clear();
      },
    };
  };
