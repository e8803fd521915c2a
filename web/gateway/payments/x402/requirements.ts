import { createHash } from 'node:crypto';
import { priceLamports } from '@karmesh/sdk/protocol';
import type { PaymentRequirements } from '@x402/core/types';
import type { MarketRequest } from '../../market.ts';
import { promptTokensAtMost } from '../../scheduler/worstCase.ts';

/** Devnet's CAIP-2 id, under which localnet is advertised too: clients know no other network without real money. */
export const DEVNET = 'solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1';
/** What `extra.cluster` says where the cluster is not the one that the id names. */
export const LOCALNET = 'karmesh-localnet';

const RATE_UNITS = 1_000_000_000n;

export type X402Terms = {
  /** CAIP-2. */
  readonly network: PaymentRequirements['network'];
  /** What `network` really is, if it is not what its id says. */
  readonly cluster: string | undefined;
  /** Base58. */
  readonly mint: string;
  /** The wallet that is paid, base58. */
  readonly payTo: string;
  /** Who pays the cluster's fees, base58. */
  readonly feePayer: string;
  /** Lamports for 10^9 base units of the token. */
  readonly tokenRate: bigint;
  readonly maxTimeoutSeconds: number;
};

/** Base units that are worth at least `lamports`, and never nothing. */
export function baseUnitsFor(lamports: bigint, tokenRate: bigint): bigint {
  const units = (lamports * RATE_UNITS + tokenRate - 1n) / tokenRate;
  return units === 0n ? 1n : units;
}

/** What base units are worth, rounded down. */
export const lamportsOf = (baseUnits: bigint, tokenRate: bigint): bigint => (baseUnits * tokenRate) / RATE_UNITS;

/** Lamports that requests cost at most at a unit price (M-01), as the scheduler reserves them. */
export function worstCase(requests: readonly MarketRequest[], unitPrice: bigint): bigint {
  return requests.reduce((sum, { maxTokens, messages, model: { manifest } }) => {
    const { activeParameters, contextLength } = manifest;
    const promptTokens = promptTokensAtMost(messages, contextLength);
    return sum + priceLamports({ unitPrice, activeParameters, promptTokens, outputTokens: maxTokens });
  }, 0n);
}

/** The memo of a payment whose payer was told this salt. */
export const memoFor = (salt: string): string => createHash('sha256').update(salt).digest('hex');

/**
 * What a client has to pay, in the shape of x402 v2; `quote` is the signed quote, in hexadecimal, that the price is of. A transaction is public once it
 * has landed: only who knows the `salt` behind its memo can show that the payment is theirs.
 */
export function requirementsFor(
  terms: X402Terms,
  order: { readonly lamports: bigint; readonly quote: string; readonly salt: string },
): PaymentRequirements {
  return {
    scheme: 'exact',
    network: terms.network,
    asset: terms.mint,
    amount: baseUnitsFor(order.lamports, terms.tokenRate).toString(),
    payTo: terms.payTo,
    maxTimeoutSeconds: terms.maxTimeoutSeconds,
    extra: {
      feePayer: terms.feePayer,
      quote: order.quote,
      salt: order.salt,
      memo: memoFor(order.salt),
      ...(terms.cluster === undefined ? {} : { cluster: terms.cluster }),
    },
  };
}
