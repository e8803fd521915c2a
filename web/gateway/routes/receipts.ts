import { fromHex } from '@karmesh/sdk/protocol';
import { Hono } from 'hono';
import { type Authenticated, authenticate } from '../middleware/authenticate.ts';
import { ApiError, invalidRequest } from '../openai/apiError.ts';
import type { KeyHash } from '../store/apiKeys.ts';

export type ReceiptParts = {
  /** The bundle of a request in its JSON form, for the key that asked; undefined where there is none for it. */
  findBundle(options: { readonly requestId: Uint8Array; readonly keyHash: KeyHash }): Promise<unknown>;
  findKey(key: string): Promise<KeyHash | undefined>;
};

/** `GET /v1/receipts/:requestId`: everything that `karmesh receipt verify` needs, as far as it exists yet. */
export const receiptRoutes = (parts: ReceiptParts) =>
  new Hono<Authenticated>()
    .use('/v1/receipts/*', authenticate(parts))
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
