import { type Decoded, struct, u8, u32, u64 } from './codec.ts';
import { hashCodec } from './hash.ts';
import { header, KIND } from './header.ts';
import { participantCodec } from './ids.ts';

/**
 * F-33, L-08, signed by the gateway: until `expiresAtMs` by its clock it sells a model in a lane at `unitPrice`, in lamports per 1,000 output tokens
 * and million active parameters. `baseFee` is what it was made with, in thousandths; `nonce` tells offers of one moment apart.
 */
export const quoteRecord = header(
  KIND.quote,
  struct({
    gateway: participantCodec,
    modelId: hashCodec,
    lane: u8,
    unitPrice: u64,
    baseFee: u32,
    issuedAtMs: u64,
    expiresAtMs: u64,
    nonce: u64,
  }),
);
export type Quote = Decoded<typeof quoteRecord.fields>;
