import { z } from 'zod';

/** In the order in which a request passes them. */
export const STAGES = ['waiting', 'drawing', 'working', 'answering', 'closing'] as const;

const count = z.int().nonnegative();
const sample = z.object({
  atMs: z.number().nonnegative(),
  mostWaiting: count,
  mostRunning: count,
  agreed: count,
  failed: count,
});
/** What happened in the few seconds up to `atMs`. */
export type QueueSample = z.output<typeof sample>;

const queueFacts = z.object({
  stages: z.record(z.enum(STAGES), count),
  maxRunning: count,
  maxWaiting: count,
  sampleMs: z.int().positive(),
  history: z.array(sample).max(1000),
});
export type QueueFacts = z.output<typeof queueFacts>;

export const queueFeed = { path: '/v1/market/queue', schema: queueFacts };
