import { KARMA_PARTS } from '@karmesh/sdk/protocol';
import { z } from 'zod';
import type { Read } from '../page/useFacts.ts';

export const whole = z
  .string()
  .regex(/^\d{1,20}$/)
  .transform(BigInt);
export const address = z.string().regex(/^[1-9A-HJ-NP-Za-km-z]{32,44}$/);
const digest = z.string().regex(/^[0-9a-f]{64}$/);
const karma = z.record(z.enum(KARMA_PARTS), whole);
export type KarmaFacts = z.output<typeof karma>;

export const marketFacts = z.object({
  cluster: z.object({
    isLocal: z.boolean(),
    rpcUrl: z.url({ protocol: /^https?$/ }).nullable(),
    programId: address,
    genesisHash: address,
  }),
  slot: whole,
  epoch: whole.nullable(),
  workers: z.int(),
  validators: z.int(),
});
export type MarketFacts = z.output<typeof marketFacts>;

const workerHealth = z.object({
  state: z.string().max(32),
  active: z.int(),
  waiting: z.int(),
  maxActive: z.int(),
  milliTokensPerSecond: whole,
});
export type WorkerHealthFacts = z.output<typeof workerHealth>;

const workerFacts = z.object({
  total: z.int(),
  workers: z
    .array(
      z.object({
        address,
        /** Null where no gateway says. */
        isReachable: z.boolean().nullable(),
        /** Absent where no gateway says. */
        selfReported: z.object({ health: workerHealth.nullable() }).nullish(),
        bondLamports: whole,
        karma,
        karmaSlot: whole,
        paidLamports: whole,
      }),
    )
    .max(1000),
});
export type WorkersFacts = z.output<typeof workerFacts>;
export type WorkerFacts = WorkersFacts['workers'][number];

export const EPOCH_STATES = ['closed', 'attested', 'beacon', 'verdicts', 'reported', 'finalised'] as const;
const epochFacts = z.object({
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
      }),
    )
    .max(100),
});
export type EpochsFacts = z.output<typeof epochFacts>;
export type EpochFacts = EpochsFacts['epochs'][number];

const karmaHistory = z.object({
  epochs: z.array(z.object({ epoch: whole, earned: z.array(z.object({ address, karma })).max(1000) })).max(100),
});
/** Who earned what in the last final epochs, the oldest first. */
export type KarmaHistory = z.output<typeof karmaHistory>;

/** Reads one of the public routes of the gateway that serves this page. */
function gatewayReader<T>(path: string, schema: z.ZodType<T>): Read<T> {
  return async (signal) => {
    const response = await fetch(path, { signal });
    if (!response.ok) throw new Error(`The gateway answered ${path} with status ${response.status}.`);
    return schema.parse(await response.json());
  };
}

export const readWorkers = gatewayReader('/v1/market/workers', workerFacts);
export const readEpochs = gatewayReader('/v1/market/epochs', epochFacts);
export const readKarmaHistory = gatewayReader('/v1/market/karma', karmaHistory);

/** The market as the gateway that serves this page sees it; `none` if this page comes from some other web server. */
export const readMarket: Read<MarketFacts | 'none'> = async (signal) => {
  const response = await fetch('/v1/market', { signal });
  const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
  if (response.status === 404 || (response.ok && !isJson)) return 'none';
  if (!response.ok) throw new Error(`The gateway answered with status ${response.status}.`);
  return marketFacts.parse(await response.json());
};
