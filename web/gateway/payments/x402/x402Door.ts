import { randomBytes } from 'node:crypto';
import { addressFromBase58, toBase58 } from '@karmesh/sdk/program';
import {
  type Domain,
  type EscrowAddress,
  encode,
  type ModelId,
  type Participant,
  quoteRecord,
  signedCodec,
  toHex,
} from '@karmesh/sdk/protocol';
import type { Logger } from '@karmesh/sdk/runtime';
import {
  decodePaymentSignatureHeader,
  encodePaymentRequiredHeader,
  encodePaymentResponseHeader,
} from '@x402/core/http';
import type { PaymentPayload, PaymentRequirements, SettleResponse } from '@x402/core/types';
import { z } from 'zod';
import type { MarketRequest } from '../../market.ts';
import { ApiError, invalidRequest } from '../../openai/apiError.ts';
import type { Quotes } from '../../pricing/quotes.ts';
import type { FoundKey } from '../../store/apiKeys.ts';
import type { Sql } from '../../store/db.ts';
import type { VoucherDoor } from '../vouchers/voucherDoor.ts';
import type { Facilitator } from './facilitator.ts';
import type { LocalSigner } from './localSigner.ts';
import {
  addPayment,
  creditPayment,
  failPayment,
  findPayment,
  keyOfPayment,
  type Payment,
  returnPayment,
  type StoredPayment,
  settlingPayments,
  usePayment,
} from './payments.ts';
import { lamportsOf, memoFor, requirementsFor, worstCase, type X402Terms } from './requirements.ts';
import { readUpto, type UptoContent, type UptoPayment, uptoRequirements, uptoResponse } from './upto.ts';

export type X402Order = UptoContent & {
  readonly requests: readonly MarketRequest[];
  /** A signed quote that the client brings itself, in hexadecimal. */
  readonly quote: string | undefined;
  readonly url: string;
  /** `payment-signature`: the payment, if it comes with one. */
  readonly header: string | undefined;
};

export type Paid = {
  /** The payer's. */
  readonly key: FoundKey;
  /** The escrow that pays in place of credit. */
  readonly escrow?: EscrowAddress;
  /** The signed quote that the request runs at, in hexadecimal. */
  readonly quote: string;
  /** Told how the request ended, says the value of `payment-response`. A transfer without an answer may ask again. */
  end(outcome: PaidOutcome): Promise<string | undefined>;
};

export type PaidOutcome = {
  readonly isAnswered: boolean;
  /** What a whole answer cost; undefined for a stream, and for an answer that is told again. */
  readonly lamports: bigint | undefined;
};

export type X402Door = {
  /**
   * Settles the payment of a request, credits it to its payer and takes it for this request; one by `upto` goes to the voucher door.
   *
   * @throws ApiError 402 with the price where there is no payment or not the right one, 409 where another request has it; what the voucher door throws.
   */
  pay(order: X402Order): Promise<Paid>;
  /**
   * Credits what was sent and not heard of, and gives up what has not landed and cannot any more: how many payments each were. Safe at any time.
   */
  recover(): Promise<{ readonly credited: number; readonly failed: number }>;
  /** The key that a credited payment's requests were asked with, for who shows the payment and its salt; undefined for anything else. */
  payerOf(header: string): Promise<FoundKey | undefined>;
};

export type X402Parts = {
  readonly sql: Sql;
  readonly gateway: Participant;
  readonly facilitator: Facilitator;
  readonly signer: Pick<LocalSigner, 'hasExpired' | 'identify' | 'landed'>;
  readonly quotes: Pick<Quotes, 'make'>;
  /** What the scheme `upto` needs; without it `exact` alone is offered. */
  readonly upto?:
    | { readonly domain: Domain; readonly program: string; readonly vouchers: Pick<VoucherDoor, 'pay'> }
    | undefined;
  /** @throws ApiError 400 if a quote is not to be kept. */
  offerOf(quote: string, modelId: ModelId): { readonly lane: number; readonly unitPrice: bigint };
  readonly clock: { nowMs(): number };
  readonly log: Pick<Logger, 'info' | 'warn'>;
};

/** A transaction younger than this is waited for: a node may not have heard of it, nor of its blockhash. */
const GIVE_UP_MS = 180_000n;
const SALT_BYTES = 16;
const signedQuote = signedCodec(quoteRecord);
/** The longest base64 of a transaction. */
const MAX_TRANSACTION = 1_644;
const payloadSchema = z.object({
  x402Version: z.literal(2),
  accepted: z.object({
    scheme: z.literal('exact'),
    network: z.string(),
    asset: z.string(),
    amount: z.string(),
    payTo: z.string(),
    extra: z.object({ quote: z.string().max(2_048), salt: z.string().max(128), feePayer: z.string() }),
  }),
  payload: z.object({ transaction: z.string().max(MAX_TRANSACTION) }),
});

/**
 * x402 before an answer. By `exact` the payment is settled first, then credited, and the request spends from that credit; by `upto` the buyer's escrow pays
 * what the answer's entry says.
 */
export const x402Door =
  (terms: X402Terms) =>
  (parts: X402Parts): X402Door => {
    const { clock, facilitator, gateway, log, offerOf, quotes, signer, sql, upto } = parts;
    const now = (): bigint => BigInt(clock.nowMs());

    /** What a request may be paid with, at the quote that is told or a new one. Clients take the first that they know. */
    const price = (order: X402Order, told?: { readonly quote: string; readonly salt?: string }) => {
      const [first] = order.requests;
      if (first === undefined) throw invalidRequest('The request asks for nothing.', null);
      const { lane, model } = first;
      const quote =
        order.quote ?? told?.quote ?? toHex(encode(signedQuote, quotes.make({ modelId: model.modelId, lane })));
      const offer = offerOf(quote, model.modelId);
      const salt = told?.salt ?? randomBytes(SALT_BYTES).toString('hex');
      const lamports = worstCase(order.requests, offer.unitPrice);
      const accepts = [requirementsFor(terms, { lamports, quote, salt })];
      if (upto !== undefined)
        accepts.push(uptoRequirements(terms, { ...upto, gateway }, { content: order, lamports, quote }));
      return { quote, offer, accepts };
    };

    const unpaid = (order: X402Order, reason: string, settled?: SettleResponse): ApiError => {
      const { accepts } = price(order);
      const required = {
        x402Version: 2,
        error: reason,
        resource: { url: order.url, description: 'An answer of a model.', mimeType: 'application/json' },
        accepts,
      };
      return new ApiError({
        status: 402,
        type: 'insufficient_quota',
        code: 'payment_required',
        message: reason,
        headers: {
          'payment-required': encodePaymentRequiredHeader(required),
          'cache-control': 'no-store',
          ...(settled === undefined ? {} : { 'payment-response': encodePaymentResponseHeader(settled) }),
        },
      });
    };

    const decode = (header: string): PaymentPayload | undefined => {
      try {
        return decodePaymentSignatureHeader(header);
      } catch {
        return undefined;
      }
    };

    const read = (decoded: PaymentPayload | undefined) => {
      if (decoded === undefined) return undefined;
      try {
        const { accepted, payload } = payloadSchema.parse(decoded);
        const identified = signer.identify(payload.transaction);
        return { decoded, accepted, ...identified, isTheirs: identified.memo === memoFor(accepted.extra.salt) };
      } catch {
        return undefined;
      }
    };
    type Paying = NonNullable<ReturnType<typeof read>>;

    /** The price that the payment was made for, if that is still to be kept. */
    const agreed = (order: X402Order, accepted: Paying['accepted'] | UptoPayment['accepted']) => {
      let offered: ReturnType<typeof price>;
      try {
        offered = price(order, accepted.extra);
      } catch {
        throw unpaid(order, 'The price that this payment was made for no longer holds.');
      }
      const requirements = offered.accepts.find((one) =>
        (['scheme', 'network', 'asset', 'amount', 'payTo'] as const).every((name) => accepted[name] === one[name]),
      );
      if (requirements === undefined) throw unpaid(order, 'The payment is not what this request costs.');
      return { ...offered, requirements };
    };

    const credit = async (payment: Payment): Promise<FoundKey> => {
      const key = await creditPayment(sql, payment, now());
      log.info(
        { signature: payment.signature, lamports: payment.lamports.toString(), cluster: terms.cluster },
        'A payment was credited.',
      );
      return key;
    };

    const settle = async (order: X402Order, paying: Paying, requirements: PaymentRequirements): Promise<Payment> => {
      const { blockhash, messageHash, signature } = paying;
      const payload: PaymentPayload = paying.decoded;
      const verified = await facilitator.verify(payload, requirements);
      if (!verified.isValid || verified.payer === undefined) {
        throw unpaid(order, `The payment was refused: ${verified.invalidReason ?? 'no payer'}.`);
      }
      const baseUnits = BigInt(requirements.amount);
      const payment = {
        messageHash,
        signature,
        wallet: addressFromBase58(verified.payer),
        baseUnits,
        lamports: lamportsOf(baseUnits, terms.tokenRate),
        blockhash,
      };
      // Written before it is sent: whatever happens next, its signature says what became of it.
      await addPayment(sql, { ...payment, gateway, nowMs: now() });
      const settled = await facilitator.settle(payload, requirements);
      if (settled.success) return payment;
      if (settled.errorReason === 'duplicate_settlement') throw inUse();
      if ((await signer.landed(signature)) === 'failed') await failPayment(sql, messageHash);
      throw unpaid(order, `The payment was not settled: ${settled.errorReason ?? 'no reason'}.`, settled);
    };

    const settleAgreed = async (order: X402Order, paying: Paying) => {
      const { quote, requirements } = agreed(order, paying.accepted);
      return { payment: await settle(order, paying, requirements), quote };
    };

    /** What a payment that was written down has come to; undefined if it has not landed. */
    const known = async (order: X402Order, stored: StoredPayment | undefined): Promise<Payment | undefined> => {
      if (stored === undefined) return undefined;
      if (stored.isUsed) throw inUse();
      if (stored.state === 'credited') return stored;
      const landed = stored.state === 'failed' ? 'failed' : await signer.landed(stored.signature);
      if (landed === 'failed') {
        await failPayment(sql, stored.messageHash);
        throw unpaid(order, 'The payment failed on chain, or did not land in time.');
      }
      return landed === undefined ? undefined : stored;
    };

    /** M-08, M-09: the voucher door says whether the escrow pays, at the price that was offered. */
    const payUpto = async (
      order: X402Order,
      { accepted, payload }: UptoPayment,
      vouchers: Pick<VoucherDoor, 'pay'>,
    ): Promise<Paid> => {
      const { offer, quote } = agreed(order, accepted);
      const { body, method, path } = order;
      const requests = order.requests.map((request) => ({ ...request, ...offer }));
      const ordered = { method, path, body, order: payload.order, voucher: payload.voucher };
      const { escrow, ...key } = await vouchers.pay(ordered, requests);
      return {
        key,
        escrow,
        quote,
        end: async ({ isAnswered, lamports }) => (isAnswered ? uptoResponse(terms, { escrow, lamports }) : undefined),
      };
    };

    return {
      async pay(order) {
        if (order.header === undefined) throw unpaid(order, 'This request needs an API key, or a payment.');
        const decoded = decode(order.header);
        const byUpto = readUpto(decoded);
        if (byUpto !== undefined && upto !== undefined) return payUpto(order, byUpto, upto.vouchers);
        const paying = read(decoded);
        if (paying === undefined) throw unpaid(order, 'The payment cannot be read.');
        if (!paying.isTheirs) throw unpaid(order, 'The payment’s memo is not that of its salt.');
        // x402 lets a payment have instructions of Lighthouse, which makes accounts at the cost of a signer.
        if (paying.namesFeePayer) throw unpaid(order, 'The payment asks more of the fee payer than its fees.');
        const before = await known(order, await findPayment(sql, paying.messageHash));
        const { payment, quote } =
          before === undefined ? await settleAgreed(order, paying) : { payment: before, quote: price(order).quote };
        const key = await credit(payment);
        if (!(await usePayment(sql, payment.messageHash))) throw inUse();
        const response = encodePaymentResponseHeader({
          success: true,
          transaction: payment.signature,
          network: terms.network,
          payer: toBase58(payment.wallet),
          amount: payment.baseUnits.toString(),
          extra: {
            creditedLamports: payment.lamports.toString(),
            ...(terms.cluster === undefined ? {} : { cluster: terms.cluster }),
          },
        });
        return {
          key,
          quote,
          async end({ isAnswered }) {
            if (!isAnswered) await returnPayment(sql, payment.messageHash);
            return response;
          },
        };
      },
      async payerOf(header) {
        const paying = read(decode(header));
        return paying?.isTheirs === true ? keyOfPayment(sql, paying.messageHash) : undefined;
      },
      async recover() {
        let [credited, failed] = [0, 0];
        for (const payment of await settlingPayments(sql, gateway)) {
          const isOld = payment.createdAtMs + GIVE_UP_MS <= now();
          // Asked before its status: what lands between the two is seen.
          const hasExpired = isOld && (await signer.hasExpired(payment.blockhash));
          const landed = await signer.landed(payment.signature);
          if (landed === 'confirmed') {
            await credit(payment);
            credited += 1;
          } else if (landed === 'failed' || hasExpired) {
            await failPayment(sql, payment.messageHash);
            const facts = { signature: payment.signature, cluster: terms.cluster };
            log.warn(facts, 'A payment failed, or did not land in time.');
            failed += 1;
          }
        }
        return { credited, failed };
      },
    };
  };

function inUse(): ApiError {
  return new ApiError({
    status: 409,
    type: 'invalid_request_error',
    code: 'payment_in_use',
    message: 'This payment has paid for a request before.',
  });
}
