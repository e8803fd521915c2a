import { z } from 'zod';
import { readAccountAnswer, signedLamports } from './accountCall.ts';
import type { GatewaySession } from './logIn.ts';

const MAX_MOVEMENTS = 100;

const movement = z
  .object({
    id: z
      .string()
      .regex(/^\d{1,18}$/)
      .transform(BigInt),
    kind: z.string(),
    reference: z.string(),
    at_ms: z.int(),
    lamports: signedLamports,
  })
  .transform(({ at_ms, ...told }) => ({ ...told, atMs: at_ms }));
const page = z
  .object({ data: z.array(movement).max(MAX_MOVEMENTS), has_more: z.boolean() })
  .transform(({ data, has_more }) => ({ movements: data, hasMore: has_more }));

/** What moved an account's credit: a deposit, a charge and the like, by `reference`; lamports that it gained, or lost where they are below zero. Times in Unix milliseconds. */
export type AccountMovement = z.output<typeof movement>;

/**
 * What moved the account's credit, the newest first: at most `limit`, 100 unless told, of those before the movement `before`. Throws what `callGateway` throws, and `PROTOCOL_VIOLATION` for
 * an answer in another form.
 */
export function listMovements(
  session: GatewaySession,
  options: { readonly before?: bigint; readonly limit?: number; readonly signal?: AbortSignal } = {},
): Promise<{ readonly movements: readonly AccountMovement[]; readonly hasMore: boolean }> {
  const { before, limit = MAX_MOVEMENTS, signal } = options;
  const query = new URLSearchParams({ limit: `${limit}`, ...(before === undefined ? {} : { before: `${before}` }) });
  return readAccountAnswer(session, {
    path: `/v1/movements?${query}`,
    schema: page,
    sentence: 'The gateway’s movements are in another form.',
    ...(signal === undefined ? {} : { signal }),
  });
}
