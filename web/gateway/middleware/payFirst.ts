import { createMiddleware } from 'hono/factory';
import type { MarketRequest } from '../market.ts';
import type { AnswerRequest } from '../openai/answerRequest.ts';
import { parseJson } from '../openai/parseJson.ts';
import { type BodyLimits, readBody } from '../openai/readBody.ts';
import type { X402Door } from '../payments/x402/x402Door.ts';
import type { WithBody } from './jsonBody.ts';
import type { UnpaidBound } from './unpaidRate.ts';

export type Paying = WithBody & {
  readonly Variables: {
    quote: string | undefined;
    /** What a whole answer cost, in lamports. */
    priceLamports: bigint | undefined;
  };
};

/**
 * Lets a request without an API key pass that brings its payment (x402 v2), as the payer's; one that brings none is told the price. Stands before
 * `authenticate`, and does nothing where there is no door or an `authorization` header.
 */
export const payFirst = (parts: {
  readonly door: X402Door | undefined;
  /** What may be asked before anything is paid. */
  readonly bound: UnpaidBound;
  readonly limits: BodyLimits;
  parse(body: unknown, assuranceHeader: string | undefined): AnswerRequest;
  plan(request: AnswerRequest): readonly MarketRequest[];
}) =>
  createMiddleware<Paying>(async (context, next) => {
    const { bound, door, limits, parse, plan } = parts;
    const { req } = context;
    const { method, path } = req;
    const isKnown = context.get('keyHash') !== undefined;
    if (isKnown || door === undefined || method !== 'POST' || req.header('authorization') !== undefined) return next();
    const hasPaid = bound.take(context);
    const body = await readBody(req.raw, limits);
    context.set('body', body);
    const request = parse(parseJson(body), req.header('x-karmesh-assurance'));
    const paid = await door.pay({
      ...{ method, path, body },
      requests: plan(request),
      quote: request.quote,
      url: req.url,
      header: req.header('payment-signature'),
    });
    hasPaid();
    context.set('keyHash', paid.key.keyHash);
    context.set('accountId', paid.key.accountId);
    context.set('escrow', paid.escrow);
    context.set('quote', paid.quote);
    await next();
    // Hono has made an answer of every error by now.
    const isAnswered = context.res.status === 200;
    const response = await paid.end({ isAnswered, lamports: context.get('priceLamports') });
    if (response !== undefined) context.header('payment-response', response);
    return undefined;
  });
