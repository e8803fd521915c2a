import { KARMA_PARTS } from '@karmesh/sdk/protocol';
import { useEffect, useState } from 'react';
import { z } from 'zod';
import { sentenceOf } from '../page/sentenceOf.ts';

const whole = z
  .string()
  .regex(/^\d{1,20}$/)
  .transform(BigInt);
const address = z.string().regex(/^[1-9A-HJ-NP-Za-km-z]{32,44}$/);
const digest = z.string().regex(/^[0-9a-f]{64}$/);
const karma = z.record(z.enum(KARMA_PARTS), whole);

export const marketFacts = z.object({
  cluster: z.object({
    isLocal: z.boolean(),
    rpcUrl: z.url({ protocol: /^https?$/ }).nullable(),
    programId: address,
    genesisHash: address,
  }),
  slot: whole,
  epoch: whole.nullable(),
  lastFinalisedEpoch: whole.nullable(),
  workers: z.int(),
  validators: z.int(),
});

export const workerFacts = z.object({
  total: z.int(),
  workers: z
    .array(
      z.object({
        address,
        isReachable: z.boolean(),
        activeFromEpoch: whole,
        bondLamports: whole,
        karma,
        karmaSlot: whole,
        lifetimeKarma: karma,
        paidLamports: whole,
      }),
    )
    .max(1000),
});
export type WorkerFacts = z.output<typeof workerFacts>['workers'][number];

export const EPOCH_STATES = ['closed', 'attested', 'beacon', 'verdicts', 'reported', 'finalised'] as const;
export const epochFacts = z.object({
  current: whole.nullable(),
  epochs: z
    .array(
      z.object({
        epoch: whole,
        address,
        state: z.enum(EPOCH_STATES),
        entryCount: z.int(),
        receiptSetRoot: digest,
        totalStake: whole,
        attestedStake: whole,
        beacon: digest.nullable(),
        verdictCount: z.int().nullable(),
        root: digest.nullable(),
        settledLamports: whole.nullable(),
        finalisedSlot: whole.nullable(),
      }),
    )
    .max(100),
});
export type EpochFacts = z.output<typeof epochFacts>['epochs'][number];

/** The last answer that could be read, and why the newest could not. */
export type Facts<T> = { readonly value: T | undefined; readonly failure: string | undefined };

/** Reads one of the gateway's public routes now and every `everyMs`, as long as `isWatched`. */
export function useFacts<T>(
  route: { readonly path: string; readonly schema: z.ZodType<T>; readonly everyMs: number },
  { isWatched }: { readonly isWatched: boolean },
): Facts<T> {
  const { path, schema, everyMs } = route;
  const [facts, setFacts] = useState<Facts<T>>({ value: undefined, failure: undefined });
  useEffect(() => {
    if (!isWatched) return;
    const ended = new AbortController();
    const read = async (): Promise<void> => {
      try {
        const response = await fetch(path, { signal: ended.signal });
        if (!response.ok) throw new Error(`The gateway answered ${path} with status ${response.status}.`);
        const value = schema.parse(await response.json());
        if (!ended.signal.aborted) setFacts({ value, failure: undefined });
      } catch (cause) {
        if (ended.signal.aborted) return;
        const failure =
          cause instanceof z.ZodError ? `The gateway answered ${path} in another form.` : sentenceOf(cause);
        setFacts(({ value }) => ({ value, failure }));
      }
    };
    void read();
    const timer = setInterval(() => void read(), everyMs);
    return () => {
      ended.abort();
      clearInterval(timer);
    };
  }, [path, schema, everyMs, isWatched]);
  return facts;
}
