import { z } from 'zod';
import { KarmeshError } from '../errors.ts';
import { laneName } from './answerEvidence.ts';
import { callGateway, type Gateway } from './gateway.ts';

export const lamports = z
  .string()
  .regex(/^\d{1,20}$/)
  .transform(BigInt);

const prices = z.object({
  listPrice: lamports,
  baseFeeThousandths: z.int().min(1_000),
  /** How many requests may wait before the base fee rises (L-06), up to what, and how long between two steps of an eighth at most. */
  baseFeeTarget: z.int().min(1),
  baseFeeCeiling: z.int().min(1_000),
  baseFeeStepMs: z.int().min(1),
  /** How long a quote holds. */
  quoteMs: z.int().min(1),
  lanes: z
    .array(
      z.object({ lane: laneName, priceTenths: z.int(), weight: z.int(), unitPrice: lamports, waiting: z.int().min(0) }),
    )
    .max(laneName.options.length),
  models: z
    .array(
      z.object({
        model: z.string(),
        modelId: z.string().regex(/^[0-9a-f]{64}$/),
        activeParameters: z
          .string()
          .regex(/^\d{1,20}$/)
          .transform(BigInt),
        /** Lamports for 1,000 tokens of an answer, by lane. */
        outputLamports: z.record(laneName, lamports),
      }),
    )
    .max(1_024),
});

/** What each lane costs now (L-07), in lamports per 1,000 output tokens and million active parameters, and what that makes of each model. */
export type Prices = z.output<typeof prices>;

/** Asks what lanes cost; it needs no key. Throws what `callGateway` throws, and `PROTOCOL_VIOLATION` for an answer in another form. */
export async function listPrices(
  gateway: Pick<Gateway, 'url' | 'fetch'>,
  options: { readonly signal?: AbortSignal } = {},
): Promise<Prices> {
  const response = await callGateway(gateway, { path: '/v1/prices', ...options });
  const parsed = prices.safeParse(await response.json().catch(() => undefined));
  if (parsed.success) return parsed.data;
  throw new KarmeshError('PROTOCOL_VIOLATION', 'The gateway’s prices are in another form.', { gateway: gateway.url });
}
