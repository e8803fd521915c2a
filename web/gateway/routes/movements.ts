import { Hono } from 'hono';
import { z } from 'zod';
import { authenticateSession, type OfAccount } from '../middleware/authenticateSession.ts';
import { invalidRequest } from '../openai/apiError.ts';
import { ledgerAccount } from '../payments/ledger/accountNames.ts';
import { listMovements } from '../payments/ledger/listMovements.ts';
import type { Sessions } from '../sessions/openSessions.ts';
import type { Sql } from '../store/db.ts';

const MAX_LISTED = 100;
const querySchema = z.strictObject({
  before: z
    .string()
    .regex(/^\d{1,18}$/)
    .transform(BigInt)
    .optional(),
  limit: z
    .string()
    .regex(/^\d{1,3}$/)
    .transform(Number)
    .pipe(z.int().min(1).max(MAX_LISTED))
    .default(MAX_LISTED),
});

export type MovementRouteParts = { readonly sql: Sql; readonly sessions: Pick<Sessions, 'find'> };

/** `GET /v1/movements`: the lines of the ledger that moved the credit of the account whose wallet is logged in, the newest first. */
export const movementRoutes = (parts: MovementRouteParts) =>
  new Hono<OfAccount>().get('/v1/movements', authenticateSession(parts), async (context) => {
    const query = querySchema.safeParse(context.req.query());
    if (!query.success) {
      const param = query.error.issues[0]?.path.join('.') || null;
      throw invalidRequest(`'before' is the id of a movement, 'limit' a number from 1 to ${MAX_LISTED}.`, param);
    }
    const { before, limit } = query.data;
    const account = ledgerAccount.credit(context.get('accountId'));
    const found = await listMovements(parts.sql, { account, before, limit: limit + 1 });
    return context.json({
      object: 'list',
      data: found.slice(0, limit).map(({ id, kind, reference, atMs, lamports }) => ({
        object: 'movement',
        id: id.toString(),
        kind,
        reference,
        at_ms: Number(atMs),
        lamports: lamports.toString(),
      })),
      has_more: found.length > limit,
    });
  });
