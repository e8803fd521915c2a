import { decode, equalBytes, fromHex, type ModelId, quoteRecord, signedCodec } from '@karmesh/sdk/protocol';
import { type ApiError, invalidRequest } from '../openai/apiError.ts';
import type { Quotes } from './quotes.ts';

const signedQuote = signedCodec(quoteRecord);

const REASONS = {
  'not-ours': 'It is of another gateway.',
  'bad-signature': 'Its signature is not the gateway’s.',
  expired: 'It has expired.',
  'used-up': 'It has been used as often as it may.',
} as const;

/**
 * What a quote that a buyer brings, in hexadecimal, promises for a model.
 *
 * @throws ApiError 400 if it is not to be kept, or is of another model.
 */
export function readOffer(
  quotes: Pick<Quotes, 'check'>,
  quote: string,
  modelId: ModelId,
): { readonly lane: number; readonly unitPrice: bigint } {
  let signed: ReturnType<typeof signedQuote.read>;
  try {
    signed = decode(signedQuote, fromHex(quote));
  } catch {
    throw refused('It has another form.');
  }
  const checked = quotes.check(signed);
  if (checked.verdict === 'reject') throw refused(REASONS[checked.reason]);
  if (!equalBytes(signed.value.modelId, modelId)) throw refused('It is of another model.');
  return { lane: signed.value.lane, unitPrice: signed.value.unitPrice };
}

function refused(reason: string): ApiError {
  return invalidRequest(`This quote cannot be used. ${reason}`, 'karmesh.quote', 'invalid_quote');
}
