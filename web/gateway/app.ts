import type { Health } from '@karmesh/sdk/runtime';
import { Hono } from 'hono';
import type { ClaimProofs } from './bundles/claimProofs.ts';
import { allowOrigins } from './middleware/allowOrigins.ts';
import { clientAddress } from './middleware/clientAddress.ts';
import type { IdempotencyStore } from './middleware/idempotency.ts';
import { observe } from './middleware/observe.ts';
import { type OpenLimits, openRequests } from './middleware/openRequests.ts';
import { type RequestRate, requestRates } from './middleware/requestRate.ts';
import type { BucketRate } from './middleware/tokenBuckets.ts';
import { unpaidBound } from './middleware/unpaidRate.ts';
import { type AnswerOptions, type AnswerParts, createAnswers } from './openai/answers.ts';
import { toApiError } from './openai/apiError.ts';
import type { BodyLimits } from './openai/readBody.ts';
import type { VoucherDoor } from './payments/vouchers/voucherDoor.ts';
import type { X402Door } from './payments/x402/x402Door.ts';
import { type AccountRouteParts, accountRoutes } from './routes/account.ts';
import { chatRoutes } from './routes/chatCompletions.ts';
import { claimRoutes } from './routes/claims.ts';
import { completionRoutes } from './routes/completions.ts';
import { embeddingRoutes } from './routes/embeddings.ts';
import { type FeedParts, feedRoutes } from './routes/feeds.ts';
import { keyRoutes } from './routes/keys.ts';
import { type MarketFactParts, marketFactRoutes } from './routes/marketFacts.ts';
import { type ModelParts, modelRoutes } from './routes/models.ts';
import { movementRoutes } from './routes/movements.ts';
import { openApiRoutes } from './routes/openapi.ts';
import { operationRoutes } from './routes/operations.ts';
import { pageRoutes } from './routes/page.ts';
import { type QuoteRouteParts, quoteRoutes } from './routes/quotes.ts';
import { type ReceiptParts, receiptRoutes } from './routes/receipts.ts';
import { sessionRoutes } from './routes/session.ts';
import { type SocketRouteOptions, socketRoutes } from './routes/socket.ts';
import { unanswered } from './routes/unanswered.ts';
import { type WorkerRouteParts, workerRoutes } from './routes/workers.ts';
import type { KeyHash } from './store/apiKeys.ts';

export { listen } from './listen.ts';
export type { Market, MarketEvent, MarketModel, MarketRequest } from './market.ts';
export { readAbilities } from './openai/abilities.ts';
export { hashApiKey } from './store/apiKeys.ts';

export type AppParts = ReceiptParts &
  ModelParts &
  AnswerParts & {
    readonly health: Health;
    /** How often a key may ask; as often as it likes unless told. */
    rateOf?(keyHash: KeyHash): RequestRate | undefined;
    /** What lanes cost, and offers; without it there are no such routes. */
    readonly pricing?: Omit<QuoteRouteParts, 'market' | 'clock' | 'findKey'> | undefined;
    /** The routes of the queue's log (G-20 on). */
    readonly queueLog?: Hono | undefined;
    /** What accounts have and how they get more, the sessions of their wallets and their keys; without it there are no such routes. */
    readonly account?: Omit<AccountRouteParts, 'findKey'> | undefined;
    /** Where idempotency keys are kept; without it the header is not looked at. */
    readonly idempotency?: IdempotencyStore | undefined;
    /** Where requests without a key are paid for (x402). */
    readonly x402?: X402Door | undefined;
    /** Where requests are paid for from their buyers' own escrows. */
    readonly vouchers?: VoucherDoor | undefined;
    /** What is known of workers; without it there is no such route. */
    readonly workers?: WorkerRouteParts | undefined;
    /** The page, by the folder that it was built in, and what it reads; without it the gateway is an API and nothing else. */
    readonly page?: {
      readonly folder: string;
      readonly facts: MarketFactParts;
      readonly claims: ClaimProofs;
      readonly feeds: FeedParts;
    };
  };

export type AppOptions = AnswerOptions &
  BodyLimits &
  OpenLimits &
  SocketRouteOptions & {
    /** How often an address may ask without a key before it has paid; 60 times a minute unless told. */
    readonly unpaidPerAddress?: BucketRate | undefined;
    /** How often all of them together; 1,200 times a minute unless told. */
    readonly unpaidInAll?: BucketRate | undefined;
    /** The header in which a proxy of the operator's writes its client's address. */
    readonly clientAddressHeader?: string | undefined;
    /** Origins whose pages may call the API; none unless told. */
    readonly allowOrigins?: readonly string[] | undefined;
  };

const UNPAID_PER_ADDRESS: BucketRate = { most: 60, perMs: 60_000 };
const UNPAID_IN_ALL: BucketRate = { most: 1_200, perMs: 60_000 };

/** The gateway's HTTP interface; `main.ts` listens, tests call `app.request()`. */
export const createApp = (options: AppOptions) => (parts: AppParts) => {
  const answering = {
    findKey: parts.findKey,
    log: parts.log,
    answers: createAnswers(options)(parts),
    open: openRequests(options),
    rates: requestRates({ clock: parts.clock, rateOf: parts.rateOf ?? (() => undefined) }),
    idempotency: parts.idempotency,
    x402: parts.x402,
    unpaid: unpaidBound(
      { perAddress: options.unpaidPerAddress ?? UNPAID_PER_ADDRESS, inAll: options.unpaidInAll ?? UNPAID_IN_ALL },
      { clock: parts.clock, addressOf: clientAddress({ header: options.clientAddressHeader }) },
    ),
    vouchers: parts.vouchers,
  };
  const app = new Hono()
    .use(observe(parts))
    .use('/v1/*', allowOrigins(options.allowOrigins ?? []))
    .route('/', operationRoutes(parts))
    .route('/', modelRoutes(options)(parts))
    .route('/', chatRoutes(options)(answering))
    .route('/', completionRoutes(options)(answering))
    .route('/', embeddingRoutes(options)(parts))
    .route('/', socketRoutes(options)(answering))
    .route('/', openApiRoutes())
    .route('/', receiptRoutes(parts));
  if (parts.pricing !== undefined)
    app.route('/', quoteRoutes({ ...parts.pricing, market: parts.market, clock: parts.clock, findKey: parts.findKey }));
  if (parts.account !== undefined)
    app
      .route('/', accountRoutes({ ...parts.account, findKey: parts.findKey }))
      .route('/', sessionRoutes(options)(parts.account))
      .route('/', keyRoutes(parts.account))
      .route('/', movementRoutes(parts.account));
  if (parts.queueLog !== undefined) app.route('/', parts.queueLog);
  if (parts.workers !== undefined) app.route('/', workerRoutes(parts.workers));
  if (parts.page !== undefined) {
    const { folder, claims, facts, feeds } = parts.page;
    app
      .route('/', marketFactRoutes(facts))
      .route('/', claimRoutes({ claims }))
      .route('/', feedRoutes(feeds))
      .route('/', pageRoutes({ folder, rpcUrl: facts.cluster.rpcUrl }));
  }
  app.notFound((context) => {
    const error = unanswered(app, context);
    return context.json(error.body, error.status as 404, { ...error.headers });
  });
  app.onError((cause, context) => {
    const error = toApiError(cause);
    if (error.status === 500) parts.log.error({ err: cause }, 'A request failed through a fault of the gateway.');
    // 499 is no registered status; nobody is left to read it, and the access log tells it apart from the server's failures.
    return context.json({ error: error.body.error }, error.status as 500, { ...error.headers });
  });
  return app;
};
