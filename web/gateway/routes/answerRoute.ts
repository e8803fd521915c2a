import type { Logger } from '@karmesh/sdk/runtime';
import { Hono } from 'hono';
import { authenticate } from '../middleware/authenticate.ts';
import { type IdempotencyStore, idempotent, type Repeatable } from '../middleware/idempotency.ts';
import { jsonBody } from '../middleware/jsonBody.ts';
import { limitOpen, type OpenRequests } from '../middleware/openRequests.ts';
import { payByVoucher } from '../middleware/payByVoucher.ts';
import { type Paying, payFirst } from '../middleware/payFirst.ts';
import { limitRate, type RequestRates } from '../middleware/requestRate.ts';
import type { UnpaidBound } from '../middleware/unpaidRate.ts';
import type { AnswerStyle } from '../openai/answerFields.ts';
import type { AnswerRequest } from '../openai/answerRequest.ts';
import type { Answers } from '../openai/answers.ts';
import { parseJson } from '../openai/parseJson.ts';
import type { BodyLimits } from '../openai/readBody.ts';
import type { VoucherDoor } from '../payments/vouchers/voucherDoor.ts';
import type { X402Door } from '../payments/x402/x402Door.ts';
import { tokensAsked } from '../scheduler/worstCase.ts';
import type { FoundKey } from '../store/apiKeys.ts';
import { type OriginOptions, sendAnswer } from './sendAnswer.ts';

export type AnswerRouteParts = {
  readonly answers: Answers;
  readonly open: OpenRequests;
  readonly rates: RequestRates;
  readonly idempotency: IdempotencyStore | undefined;
  /** Where requests without a key are paid for; without it they are refused. */
  readonly x402: X402Door | undefined;
  readonly unpaid: UnpaidBound;
  /** Where buyers' own escrows pay. */
  readonly vouchers: VoucherDoor | undefined;
  readonly log: Pick<Logger, 'error'>;
  findKey(key: string): Promise<FoundKey | undefined>;
};

/** A route that takes a JSON request and answers it, whole or as a stream: who asks, how often, how much at once, once or again. */
export const answerRoute =
  (door: {
    readonly path: string;
    readonly style: AnswerStyle;
    parse(body: unknown, assuranceHeader: string | undefined): AnswerRequest;
  }) =>
  (options: BodyLimits & OriginOptions) =>
  (parts: AnswerRouteParts) => {
    const { path, style, parse } = door;
    const { answers } = parts;
    return new Hono<Paying & Repeatable>()
      .use(path, payByVoucher({ door: parts.vouchers, plan: answers.plan, parse, limits: options }))
      .use(path, payFirst({ door: parts.x402, bound: parts.unpaid, plan: answers.plan, parse, limits: options }))
      .use(path, authenticate(parts), limitRate(parts.rates), limitOpen(parts.open))
      .use(path, jsonBody(options), idempotent({ store: parts.idempotency, log: parts.log }))
      .post(path, (context) => {
        const parsed = parse(parseJson(context.get('body')), context.req.header('x-karmesh-assurance'));
        const request = { ...parsed, quote: parsed.quote ?? context.get('quote') };
        const tokens = parts.rates.takeTokens(context.get('keyHash'), () => tokensAsked(answers.plan(request)));
        for (const [name, value] of Object.entries(tokens)) context.header(name, value);
        const caller = {
          keyHash: context.get('keyHash'),
          accountId: context.get('accountId'),
          escrow: context.get('escrow'),
        };
        const onAccepted = context.get('onAccepted');
        const onPriced = (lamports: bigint): void => context.set('priceLamports', lamports);
        const { publicUrl } = options;
        return sendAnswer(context, request, { publicUrl, answers, style, caller, onAccepted, onPriced });
      });
  };
