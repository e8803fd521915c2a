import {
  encode,
  LANES,
  laneNumber,
  priceLamports,
  quoteRecord,
  signedCodec,
  toHex,
  unitPrice,
} from '@karmesh/sdk/protocol';
import { Hono } from 'hono';
import { z } from 'zod';
import type { Market } from '../market.ts';
import { authenticate } from '../middleware/authenticate.ts';
import { jsonBody, type WithBody } from '../middleware/jsonBody.ts';
import { limitRate, requestRates } from '../middleware/requestRate.ts';
import { invalidRequest, modelNotFound } from '../openai/apiError.ts';
import { parseJson } from '../openai/parseJson.ts';
import type { Quotes } from '../pricing/quotes.ts';
import type { FoundKey } from '../store/apiKeys.ts';

/** The body of `POST /v1/quotes`. */
export const quoteRequestSchema = z.strictObject({
  model: z.string().min(1).max(256),
  lane: z.enum(LANES.map(({ name }) => name)),
});
const signedQuote = signedCodec(quoteRecord);
/** A name and a lane have no need of more. */
const MAX_BODY_BYTES = 4_096;
/** Of one key. */
const QUOTE_RATE = { requests: 30, perMs: 60_000 };

export type QuoteRouteParts = {
  readonly market: Pick<Market, 'models'>;
  readonly quotes: Pick<Quotes, 'make'>;
  listPrice(): bigint;
  /** Thousandths. */
  baseFee(): number;
  readonly clock: { nowMs(): number };
  /** How many requests wait in each lane, by its number. */
  waitingByLane(): readonly number[];
  readonly terms: {
    /** How many requests may wait before the base fee rises (L-06). */
    readonly baseFeeTarget: number;
    /** Thousandths. */
    readonly baseFeeCeiling: number;
    /** Between two steps of the base fee. */
    readonly baseFeeStepMs: number;
    /** How long a quote holds. */
    readonly quoteMs: number;
  };
  findKey(key: string): Promise<FoundKey | undefined>;
};

/**
 * `GET /v1/prices`: what each lane costs now, for everybody. `POST /v1/quotes` with `{model, lane}`, for who has a key: the same under the
 * gateway's signature (F-33), so that it holds until it expires. Prices are lamports per 1,000 output tokens and million active parameters.
 */
export const quoteRoutes = (parts: QuoteRouteParts) =>
  new Hono<WithBody>()
    .use('/v1/quotes', authenticate(parts))
    .use('/v1/quotes', limitRate(requestRates({ clock: parts.clock, rateOf: () => QUOTE_RATE })))
    .use('/v1/quotes', jsonBody({ maxBodyBytes: MAX_BODY_BYTES }))
    .get('/v1/prices', (context) => {
      const listPrice = parts.listPrice();
      const baseFee = parts.baseFee();
      const waiting = parts.waitingByLane();
      context.header('cache-control', 'no-store');
      return context.json({
        listPrice: listPrice.toString(),
        baseFeeThousandths: baseFee,
        ...parts.terms,
        lanes: LANES.map(({ name, priceTenths, weight }, lane) => ({
          lane: name,
          priceTenths,
          weight,
          unitPrice: unitPrice({ listPrice, lane, baseFee }).toString(),
          waiting: waiting[lane] ?? 0,
        })),
        models: parts.market.models().map(({ modelId, manifest }) => ({
          model: manifest.name,
          modelId: toHex(modelId),
          activeParameters: manifest.activeParameters.toString(),
          /** Lamports for 1,000 tokens of an answer, by lane. */
          outputLamports: Object.fromEntries(
            LANES.map(({ name }, lane) => [
              name,
              priceLamports({
                unitPrice: unitPrice({ listPrice, lane, baseFee }),
                activeParameters: manifest.activeParameters,
                promptTokens: 0,
                outputTokens: 1_000,
              }).toString(),
            ]),
          ),
        })),
      });
    })
    .post('/v1/quotes', (context) => {
      const parsed = quoteRequestSchema.safeParse(parseJson(context.get('body')));
      if (!parsed.success) {
        const [issue] = parsed.error.issues;
        throw invalidRequest(issue?.message ?? 'The body is not a model and a lane.', issue?.path.join('.') || null);
      }
      const { model, lane } = parsed.data;
      const sold = parts.market.models().find(({ manifest }) => manifest.name === model);
      if (sold === undefined) throw modelNotFound(model);
      const quote = parts.quotes.make({ modelId: sold.modelId, lane: laneNumber(lane) });
      const { baseFee, expiresAtMs, unitPrice: price } = quote.value;
      return context.json(
        {
          object: 'quote',
          model,
          lane,
          unitPrice: price.toString(),
          baseFeeThousandths: baseFee,
          expiresAtMs: Number(expiresAtMs),
          quote: toHex(encode(signedQuote, quote)),
        },
        201,
      );
    });
