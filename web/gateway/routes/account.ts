import { randomBytes } from 'node:crypto';
import type { Signer } from '@karmesh/sdk';
import { type Address, toBase58 } from '@karmesh/sdk/program';
import {
  DEPOSIT_ASSETS,
  type DepositAsset,
  type Domain,
  depositOfferRecord,
  encode,
  type Participant,
  signedCodec,
  signRecord,
  toHex,
} from '@karmesh/sdk/protocol';
import { Hono } from 'hono';
import { z } from 'zod';
import type { DepositAddresses } from '../deposits/arrivals.ts';
import { addDepositOffer, countOffers, listDeposits } from '../deposits/depositStore.ts';
import { authenticateAccount, type OfAccount } from '../middleware/authenticateSession.ts';
import { type Body, jsonBody } from '../middleware/jsonBody.ts';
import { ApiError, invalidRequest } from '../openai/apiError.ts';
import { parseJson } from '../openai/parseJson.ts';
import { heldOf } from '../payments/heldOf.ts';
import { ledgerAccount } from '../payments/ledger/accountNames.ts';
import { balanceOf } from '../payments/ledger/balances.ts';
import type { Sessions } from '../sessions/openSessions.ts';
import { accountById } from '../store/accounts.ts';
import { type FoundKey, listApiKeys } from '../store/apiKeys.ts';
import type { Sql } from '../store/db.ts';

/** The body of `POST /v1/deposits`. */
export const depositRequestSchema = z.strictObject({ asset: z.enum(DEPOSIT_ASSETS) });
const signedOffer = signedCodec(depositOfferRecord);
/** An asset's name has no need of more. */
const MAX_BODY_BYTES = 1_024;
const MAX_LISTED = 100;
/** Offers of an account in a day: they are kept for good, and accounts may be free. */
const MAX_OFFERS = 200;
const DAY_MS = 86_400_000n;

export type AccountRouteParts = {
  readonly sql: Sql;
  readonly domain: Domain;
  readonly gateway: Participant;
  readonly signer: Signer;
  readonly clock: { nowMs(): number };
  readonly addresses: DepositAddresses;
  /** Of the token; undefined where the gateway takes none. */
  readonly mint: Address | undefined;
  /** Lamports for 10^9 base units, today. */
  rates(): Readonly<Record<DepositAsset, bigint | undefined>>;
  /** How long an offer holds, in milliseconds. */
  readonly offerMs: number;
  readonly sessions: Sessions;
  findKey(key: string): Promise<FoundKey | undefined>;
};

/**
 * What an account has and how it gets more: `GET /v1/account`, `GET /v1/deposits` and `POST /v1/deposits`, which offers an address, a reference to
 * pay with and a rate, signed (F-34). For a wallet that is logged in and for API keys, which see no other key than themselves. Lamports and base
 * units are strings.
 */
export const accountRoutes = (parts: AccountRouteParts) => {
  const { sql } = parts;
  return new Hono<OfAccount & Body>()
    .use('/v1/account', authenticateAccount(parts))
    .use('/v1/deposits', authenticateAccount(parts), jsonBody({ maxBodyBytes: MAX_BODY_BYTES }))
    .get('/v1/account', async (context) => {
      const accountId = context.get('accountId');
      const account = await accountById(sql, accountId);
      const balance = await balanceOf(sql, ledgerAccount.credit(accountId));
      const held = await heldOf(sql, accountId);
      const keyHash = context.get('keyHash');
      const keys = await listApiKeys(sql, { accountId, keyHash, nowMs: BigInt(parts.clock.nowMs()) });
      return context.json({
        object: 'account',
        name: account.name,
        wallet: account.walletAddress === undefined ? null : toBase58(account.walletAddress),
        balanceLamports: balance.toString(),
        creditLimitLamports: account.creditLimitLamports.toString(),
        heldLamports: [...held.values()].reduce((sum, lamports) => sum + lamports, 0n).toString(),
        keys: keys.map((key) => ({
          name: key.name,
          capDayLamports: key.capDayLamports?.toString() ?? null,
          capTotalLamports: key.capTotalLamports?.toString() ?? null,
          spentDayLamports: key.spentDayLamports.toString(),
          spentTotalLamports: key.spentTotalLamports.toString(),
          heldLamports: (held.get(key.id) ?? 0n).toString(),
          revoked: key.revokedAtMs !== undefined,
        })),
      });
    })
    .get('/v1/deposits', async (context) => {
      const deposits = await listDeposits(sql, { accountId: context.get('accountId'), limit: MAX_LISTED });
      return context.json({
        object: 'list',
        data: deposits.map(({ signature, asset, amount, lamports, atMs }) => ({
          object: 'deposit',
          signature,
          asset,
          amount: amount.toString(),
          creditedLamports: lamports.toString(),
          creditedAtMs: Number(atMs),
        })),
      });
    })
    .post('/v1/deposits', async (context) => {
      const parsed = depositRequestSchema.safeParse(parseJson(context.get('body')));
      if (!parsed.success) throw invalidRequest(`'asset' is one of ${DEPOSIT_ASSETS.join(', ')}.`, 'asset');
      const { asset } = parsed.data;
      const rate = parts.rates()[asset];
      const address = parts.addresses[asset];
      if (rate === undefined || address === undefined) {
        const message = 'This gateway takes no deposits in tokens.';
        throw invalidRequest(message, 'asset', 'unsupported_asset');
      }
      const nowMs = BigInt(parts.clock.nowMs());
      if ((await countOffers(sql, { accountId: context.get('accountId'), sinceMs: nowMs - DAY_MS })) >= MAX_OFFERS)
        throw tooManyOffers();
      const { gateway } = parts;
      const reference = new Uint8Array(randomBytes(32));
      const terms = { gateway, reference, asset, rate, expiresAtMs: nowMs + BigInt(parts.offerMs) };
      await addDepositOffer(sql, { ...terms, accountId: context.get('accountId'), createdAtMs: nowMs });
      const signed = signRecord(depositOfferRecord, parts, { ...terms, address });
      return context.json(
        {
          object: 'deposit_offer',
          asset,
          address: toBase58(address),
          mint: asset === 'token' && parts.mint !== undefined ? toBase58(parts.mint) : null,
          reference: toBase58(reference),
          lamportsPerBillion: rate.toString(),
          expiresAtMs: Number(terms.expiresAtMs),
          offer: toHex(encode(signedOffer, signed)),
        },
        201,
      );
    });
};

function tooManyOffers(): ApiError {
  return new ApiError({
    status: 429,
    type: 'rate_limit_error',
    code: 'rate_limit_exceeded',
    message: `An account gets at most ${MAX_OFFERS} offers of deposits in a day; those that it has stay good.`,
    headers: { 'retry-after': '300' },
  });
}
