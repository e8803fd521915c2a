import { z } from 'zod';
import { type AccountAsker, readAccountAnswer, signedLamports } from './accountCall.ts';
import { lamports } from './listPrices.ts';

const account = z
  .object({
    name: z.string(),
    wallet: z.string().nullable(),
    balanceLamports: signedLamports,
    creditLimitLamports: lamports,
    heldLamports: lamports,
    keys: z
      .array(
        z
          .object({
            name: z.string(),
            capDayLamports: lamports.nullable(),
            capTotalLamports: lamports.nullable(),
            spentDayLamports: lamports,
            spentTotalLamports: lamports,
            heldLamports: lamports,
            revoked: z.boolean(),
          })
          .transform(({ capDayLamports, capTotalLamports, ...key }) => ({
            ...key,
            capDayLamports: capDayLamports ?? undefined,
            capTotalLamports: capTotalLamports ?? undefined,
          })),
      )
      .max(1_024),
  })
  .transform(({ wallet, ...told }) => ({ ...told, wallet: wallet ?? undefined }));

/**
 * An account's credit in lamports. It may spend its balance and its limit but for what is held: what its requests under way may cost, and what gateways keep ready for the next ones for some
 * seconds. Of the keys an API key sees itself alone.
 */
export type AccountCredit = z.output<typeof account>;

/** Reads what an account has. Throws what `callGateway` throws, and `PROTOCOL_VIOLATION` for an answer in another form. */
export function readAccount(
  asker: AccountAsker,
  options: { readonly signal?: AbortSignal } = {},
): Promise<AccountCredit> {
  const sentence = 'The gateway’s account is in another form.';
  return readAccountAnswer(asker, { path: '/v1/account', schema: account, sentence, ...options });
}
