import { fromHex } from '@karmesh/sdk/protocol';
import { Hono } from 'hono';
import { createMiddleware } from 'hono/factory';
import { type Authenticated, authenticate } from '../middleware/authenticate.ts';
import { knownByOrder } from '../middleware/payByVoucher.ts';
import { ApiError, invalidRequest } from '../openai/apiError.ts';
import type { VoucherDoor } from '../payments/vouchers/voucherDoor.ts';
import type { X402Door } from '../payments/x402/x402Door.ts';
import type { FoundKey, KeyHash } from '../store/apiKeys.ts';

export type ReceiptParts = {
  /** The bundle of a request in its JSON form, for the key that asked; undefined where there is none for it. */
  findBundle(options: { readonly requestId: Uint8Array; readonly keyHash: KeyHash }): Promise<unknown>;
  findKey(key: string): Promise<FoundKey | undefined>;
  /** Whose payments stand for their keys; without it keys alone are asked for. */
  readonly x402?: Pick<X402Door, 'payerOf'> | undefined;
  /** By whose orders buyers whose own escrow paid are known. */
  readonly vouchers?: VoucherDoor | undefined;
};

/** Lets who paid for a request show that payment in place of a key. */
const byPayment = (door: ReceiptParts['x402']) =>
  createMiddleware<Authenticated>(async (context, next) => {
    const header = context.req.header('payment-signature');
    const isAsked = context.req.header('authorization') === undefined && header !== undefined;
    const payer = isAsked ? await door?.payerOf(header) : undefined;
    if (payer !== undefined) {
      context.set('keyHash', payer.keyHash);
      context.set('accountId', payer.accountId);
    }
    return next();
  });

/** `GET /v1/receipts/:requestId`: everything that `karmesh receipt verify` needs, as far as it exists yet. */
export const receiptRoutes = (parts: ReceiptParts) =>
  new Hono<Authenticated>()
    .use('/v1/receipts/*', knownByOrder({ door: parts.vouchers }), byPayment(parts.x402), authenticate(parts))
    .get('/v1/receipts/:requestId', async (context) => {
      const id = context.req.param('requestId');
      if (!/^[0-9a-f]{64}$/.test(id)) throw invalidRequest('A request id is 64 hexadecimal digits.', 'requestId');
      const bundle = await parts.findBundle({ requestId: fromHex(id), keyHash: context.get('keyHash') });
      if (bundle === undefined) {
        throw new ApiError({
          status: 404,
          type: 'invalid_request_error',
          code: 'receipt_not_found',
          message: 'No finished request with this id was made with this API key.',
          param: 'requestId',
        });
      }
      return context.json(bundle);
    });
