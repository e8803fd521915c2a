import type { Health, Logger, Metrics } from '@karmesh/sdk/runtime';
import { Hono } from 'hono';
import type { Market } from './market.ts';
import { observe } from './middleware/observe.ts';
import { ApiError, toApiError } from './openai/apiError.ts';
import { type ChatOptions, chatRoutes } from './routes/chatCompletions.ts';
import { type FeedParts, feedRoutes } from './routes/feeds.ts';
import { type MarketFactParts, marketFactRoutes } from './routes/marketFacts.ts';
import { modelRoutes } from './routes/models.ts';
import { operationRoutes } from './routes/operations.ts';
import { pageRoutes } from './routes/page.ts';
import { type ReceiptParts, receiptRoutes } from './routes/receipts.ts';

export { listen } from './listen.ts';
export type { Market, MarketEvent, MarketModel, MarketRequest } from './market.ts';
export { hashApiKey } from './store/apiKeys.ts';

export type AppParts = ReceiptParts & {
  readonly market: Market;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly clock: { nowMs(): number };
  /** The page, by the folder that it was built in, and what it reads; without it the gateway is an API and nothing else. */
  readonly page?: { readonly folder: string; readonly facts: MarketFactParts; readonly feeds: FeedParts };
};

/** The gateway's HTTP interface; `main.ts` listens, tests call `app.request()`. */
export const createApp = (options: ChatOptions) => (parts: AppParts) => {
  const app = new Hono()
    .use(observe(parts))
    .route('/', operationRoutes(parts))
    .route('/', modelRoutes(parts))
    .route('/', chatRoutes(options)(parts))
    .route('/', receiptRoutes(parts));
  if (parts.page !== undefined) {
    const { folder, facts, feeds } = parts.page;
    app
      .route('/', marketFactRoutes(facts))
      .route('/', feedRoutes(feeds))
      .route('/', pageRoutes({ folder, rpcUrl: facts.cluster.rpcUrl }));
  }
  app.notFound((context) => {
    const error = new ApiError({
      status: 404,
      type: 'invalid_request_error',
      code: 'unknown_url',
      message: `Unknown request URL: ${context.req.method} ${new URL(context.req.url).pathname}.`,
    });
    return context.json(error.body, 404);
  });
  app.onError((cause, context) => {
    const error = toApiError(cause);
    if (error.status === 500) parts.log.error({ err: cause }, 'A request failed through a fault of the gateway.');
    // 499 is no registered status; nobody is left to read it, and the access log tells it apart from the server's failures.
    return context.json({ error: error.body.error }, error.status as 500, { ...error.headers });
  });
  return app;
};
