import { randomBytes } from 'node:crypto';
import type { Signer } from '@karmesh/sdk';
import type { Clock } from '@karmesh/sdk/clock';
import {
  checkRecord,
  type Domain,
  type Identity,
  type ModelId,
  type Participant,
  type Quote,
  quoteRecord,
  type Signed,
  signRecord,
  unitPrice,
  type VerifySignature,
} from '@karmesh/sdk/protocol';

export type QuoteOptions = {
  /** How long a quote holds, in milliseconds. */
  readonly validMs: number;
  /** How long after that one is still taken, in milliseconds: the time that it may be under way. */
  readonly toleranceMs: number;
  /** How many requests one is good for, in this process. */
  readonly maxUses: number;
};

export type QuoteParts = {
  readonly domain: Domain;
  readonly gateway: Participant;
  readonly signer: Signer;
  readonly verify: VerifySignature;
  readonly clock: Pick<Clock, 'nowMs'>;
  listPrice(): bigint;
  /** Thousandths. */
  baseFee(): number;
  /** Which identity signs for a gateway whose quotes are taken here, this one's own among them; undefined for any other. */
  identityOf(gateway: Participant): Identity | undefined;
};

export type QuoteVerdict =
  | { readonly verdict: 'accept' }
  | { readonly verdict: 'reject'; readonly rule: 'L-08'; readonly reason: QuoteFault };

export type QuoteFault = 'not-ours' | 'bad-signature' | 'expired' | 'used-up';

export type Quotes = {
  /** What a model costs in a lane now; it holds for `validMs`. */
  make(wanted: { readonly modelId: ModelId; readonly lane: number }): Signed<Quote>;
  /** L-08: whether a quote is still to be kept. Nothing but this gateway's own clock says whether it has expired. */
  check(quote: Signed<Quote>): QuoteVerdict;
  /** The same for a request that is to be sold under it, of which each counts. */
  use(quote: Signed<Quote>): QuoteVerdict;
};

/** Quotes whose uses are counted before those that have expired are forgotten. */
const FORGET_FROM = 1_024;

export const quotes =
  (options: QuoteOptions) =>
  (parts: QuoteParts): Quotes => {
    /** By nonce, of quotes that this gateway has signed. */
    const used = new Map<bigint, { count: number; readonly lastMs: bigint }>();
    const lastMsOf = ({ expiresAtMs }: Quote): bigint => expiresAtMs + BigInt(options.toleranceMs);
    const reject = (reason: QuoteFault): QuoteVerdict => ({ verdict: 'reject', rule: 'L-08', reason });

    const check = (quote: Signed<Quote>): QuoteVerdict => {
      const identity = parts.identityOf(quote.value.gateway);
      if (identity === undefined) return reject('not-ours');
      const { domain, verify } = parts;
      if (!checkRecord(quoteRecord, { domain, identity, verify }, quote)) return reject('bad-signature');
      return BigInt(parts.clock.nowMs()) > lastMsOf(quote.value) ? reject('expired') : { verdict: 'accept' };
    };

    const forgetExpired = (): void => {
      const now = BigInt(parts.clock.nowMs());
      for (const [nonce, { lastMs }] of used) if (now > lastMs) used.delete(nonce);
    };

    return {
      make({ lane, modelId }) {
        const baseFee = parts.baseFee();
        const issuedAtMs = BigInt(parts.clock.nowMs());
        return signRecord(quoteRecord, parts, {
          gateway: parts.gateway,
          modelId,
          lane,
          unitPrice: unitPrice({ listPrice: parts.listPrice(), lane, baseFee }),
          baseFee,
          issuedAtMs,
          expiresAtMs: issuedAtMs + BigInt(options.validMs),
          nonce: randomBytes(8).readBigUInt64LE(),
        });
      },
      check,
      use(quote) {
        const checked = check(quote);
        if (checked.verdict === 'reject') return checked;
        const { nonce } = quote.value;
        const uses = used.get(nonce) ?? { count: 0, lastMs: lastMsOf(quote.value) };
        if (uses.count >= options.maxUses) return reject('used-up');
        if (used.size >= FORGET_FROM) forgetExpired();
        uses.count += 1;
        used.set(nonce, uses);
        return checked;
      },
    };
  };
