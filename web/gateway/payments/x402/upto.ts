import { toBase58 } from '@karmesh/sdk/program';
import { type Domain, type EscrowAddress, orderedRequestHash, type Participant, toHex } from '@karmesh/sdk/protocol';
import { encodePaymentResponseHeader } from '@x402/core/http';
import type { PaymentRequirements } from '@x402/core/types';
import { z } from 'zod';
import type { X402Terms } from './requirements.ts';

/** What the scheme is called; `x402` has another of this name on Solana, over payment channels. */
export const UPTO = 'upto';
/** Lamports, which no mint stands for. */
export const NATIVE_SOL = '11111111111111111111111111111111';
/** An order is for its moment (M-08). */
const MAX_TIMEOUT_SECONDS = 60;

/** A request as its order names it (F-35). */
export type UptoContent = { readonly method: string; readonly path: string; readonly body: Uint8Array };

export type UptoMarket = {
  readonly domain: Domain;
  /** The karma program, base58. */
  readonly program: string;
  readonly gateway: Participant;
};

/** An offer to be paid for what a request's signed usage costs, out of the buyer's escrow at this gateway. */
export function uptoRequirements(
  terms: Pick<X402Terms, 'cluster' | 'network'>,
  market: UptoMarket,
  request: { readonly content: UptoContent; readonly lamports: bigint; readonly quote: string },
): PaymentRequirements {
  const { domain, gateway, program } = market;
  return {
    scheme: UPTO,
    network: terms.network,
    asset: NATIVE_SOL,
    amount: request.lamports.toString(),
    payTo: toBase58(gateway),
    maxTimeoutSeconds: MAX_TIMEOUT_SECONDS,
    extra: {
      binding: 'karmesh-escrow',
      program,
      domain: toHex(domain),
      requestHash: toHex(orderedRequestHash(request.content)),
      quote: request.quote,
      ...(terms.cluster === undefined ? {} : { cluster: terms.cluster }),
    },
  };
}

/** Characters of a signed record in hexadecimal at most. */
const MAX_RECORD = 512;
const schemaOfUpto = z.object({
  x402Version: z.literal(2),
  accepted: z.object({
    scheme: z.literal(UPTO),
    network: z.string(),
    asset: z.string(),
    amount: z.string(),
    payTo: z.string(),
    extra: z.object({ quote: z.string().max(2_048) }),
  }),
  /** What stands in `x-karmesh-order` and `x-karmesh-voucher` elsewhere. */
  payload: z.object({ order: z.string().max(MAX_RECORD), voucher: z.string().max(MAX_RECORD).optional() }),
});
export type UptoPayment = z.infer<typeof schemaOfUpto>;

/** A decoded payment by this scheme; undefined for anything else. */
export const readUpto = (decoded: unknown): UptoPayment | undefined => schemaOfUpto.safeParse(decoded).data;

/**
 * The value of `payment-response`. Nothing is sent for one answer: the entry is settled with its epoch. Without an amount, that of a stream, which its
 * last events tell.
 */
export function uptoResponse(
  terms: Pick<X402Terms, 'cluster' | 'network'>,
  settled: { readonly escrow: EscrowAddress; readonly lamports: bigint | undefined },
): string {
  return encodePaymentResponseHeader({
    success: true,
    transaction: '',
    network: terms.network,
    payer: toBase58(settled.escrow),
    ...(settled.lamports === undefined ? {} : { amount: settled.lamports.toString() }),
    extra: {
      settles: 'with-epoch',
      ...(terms.cluster === undefined ? {} : { cluster: terms.cluster }),
    },
  });
}
