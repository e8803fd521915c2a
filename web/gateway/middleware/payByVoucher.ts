import { createMiddleware } from 'hono/factory';
import type { MarketRequest } from '../market.ts';
import type { AnswerRequest } from '../openai/answerRequest.ts';
import { parseJson } from '../openai/parseJson.ts';
import { type BodyLimits, readBody } from '../openai/readBody.ts';
import { ORDER_HEADER, VOUCHER_HEADER, type VoucherDoor } from '../payments/vouchers/voucherDoor.ts';
import type { Authenticated } from './authenticate.ts';
import type { Paying } from './payFirst.ts';

/**
 * Lets a request pass that its buyer's own escrow pays for (M-08, M-09), as that escrow's. Stands before everything that asks for a key, and does nothing
 * where there is no door or no order.
 */
export const payByVoucher = (parts: {
  readonly door: VoucherDoor | undefined;
  readonly limits: BodyLimits;
  parse(body: unknown, assuranceHeader: string | undefined): AnswerRequest;
  plan(request: AnswerRequest): readonly MarketRequest[];
}) =>
  createMiddleware<Paying>(async (context, next) => {
    const { door, limits, parse, plan } = parts;
    const { req } = context;
    const [order, voucher] = [req.header(ORDER_HEADER), req.header(VOUCHER_HEADER)];
    if (door === undefined || req.method !== 'POST' || (order ?? voucher) === undefined) return next();
    const body = await readBody(req.raw, limits);
    context.set('body', body);
    const request = parse(parseJson(body), req.header('x-karmesh-assurance'));
    const { method, path } = req;
    const buyer = await door.pay({ method, path, body, order, voucher }, plan(request));
    context.set('keyHash', buyer.keyHash);
    context.set('accountId', buyer.accountId);
    context.set('escrow', buyer.escrow);
    return next();
  });

/** Lets an escrow's buyer pass by its order, to what it asked for before. */
export const knownByOrder = (parts: { readonly door: VoucherDoor | undefined }) =>
  createMiddleware<Authenticated>(async (context, next) => {
    const { method, path } = context.req;
    const order = context.req.header(ORDER_HEADER);
    if (parts.door === undefined || order === undefined) return next();
    const buyer = await parts.door.identify({ method, path, body: new Uint8Array(), order });
    context.set('keyHash', buyer.keyHash);
    context.set('accountId', buyer.accountId);
    return next();
  });
