import { type Decoded, fixedBytes, oneOf, struct, u64 } from './codec.ts';
import { header, KIND } from './header.ts';
import { participantCodec } from './ids.ts';

/** What buyers pay in; the byte in F-34 is the place here. */
export const DEPOSIT_ASSETS = ['sol', 'token'] as const;
export type DepositAsset = (typeof DEPOSIT_ASSETS)[number];

/**
 * F-34, signed by the gateway: a payment to `address` that names `reference` among its accounts is credited at `rate`, lamports for 10^9 base units
 * (10^9 for SOL), if its block is not later than `expiresAtMs`. Its buyer can show what was promised.
 */
export const depositOfferRecord = header(
  KIND.depositOffer,
  struct({
    gateway: participantCodec,
    reference: fixedBytes(32),
    address: fixedBytes(32),
    asset: oneOf(DEPOSIT_ASSETS),
    rate: u64,
    expiresAtMs: u64,
  }),
);
export type DepositOffer = Decoded<typeof depositOfferRecord.fields>;
