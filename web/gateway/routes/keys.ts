import { Hono } from 'hono';
import { z } from 'zod';
import { authenticateSession, type OfAccount } from '../middleware/authenticateSession.ts';
import { type Body, jsonBody } from '../middleware/jsonBody.ts';
import { ApiError, invalidRequest } from '../openai/apiError.ts';
import { parseBody } from '../openai/parseJson.ts';
import type { Sessions } from '../sessions/openSessions.ts';
import {
  changeAccountKey,
  MAX_KEYS,
  MAX_SECRETS,
  MAX_VALID_KEYS,
  makeAccountKey,
  revokeAccountKey,
  rotateAccountKey,
} from '../store/accountKeys.ts';
import { type ApiKeyInfo, generateApiKey, hashApiKey, type KeyHash, listApiKeys } from '../store/apiKeys.ts';
import type { Sql } from '../store/db.ts';

const MAX_BODY_BYTES = 4_096;
const DAY_MS = 86_400_000;
const MAX_GRACE_MS = 30 * DAY_MS;
/** The greatest number of the database. */
const MAX_LAMPORTS = 2n ** 63n - 1n;

const cap = z
  .string()
  .regex(/^(?:0|[1-9]\d{0,18})$/, { error: 'A cap is a string of lamports.', abort: true })
  .refine((text) => BigInt(text) <= MAX_LAMPORTS, 'A cap is more than the ledger counts to.')
  .nullable()
  .meta({ description: 'Lamports; null for no cap.' });
/** Letters, digits, signs and spaces: nothing that would move a terminal's cursor or turn its text around. */
const name = z
  .string()
  .regex(/^[\p{L}\p{M}\p{N}\p{P}\p{S} ]{1,64}$/u, 'A name is 1 to 64 letters, digits, signs and spaces.');

/** The body of `POST /v1/keys`. */
export const keyRequestSchema = z.strictObject({
  name,
  cap_day_lamports: cap.optional(),
  cap_total_lamports: cap.optional(),
});
/** The body of `PATCH /v1/keys/{id}`. */
export const keyChangeSchema = keyRequestSchema.partial();
/** The body of `POST /v1/keys/{id}/rotate`. */
export const keyRotationSchema = z.strictObject({
  grace_ms: z
    .int()
    .min(0)
    .max(MAX_GRACE_MS)
    .default(DAY_MS)
    .meta({ description: 'How long the secrets before stay valid.' }),
});

export type KeyRouteParts = {
  readonly sql: Sql;
  readonly sessions: Pick<Sessions, 'find'>;
  readonly clock: { nowMs(): number };
};

/** The keys of the account whose wallet is logged in, under `/v1/keys`. A secret is shown once, where it is made. */
export const keyRoutes = (parts: KeyRouteParts) => {
  const { sql } = parts;
  const now = (): bigint => BigInt(parts.clock.nowMs());
  const body = jsonBody({ maxBodyBytes: MAX_BODY_BYTES });
  const readKey = async (keyHash: KeyHash) => {
    const [info] = await listApiKeys(sql, { keyHash, nowMs: now() });
    if (info === undefined) throw unknownKey();
    return keyObject(info);
  };
  const capOf = (text: string | null | undefined): bigint | undefined => (text == null ? undefined : BigInt(text));
  const changedCap = (text: string | null | undefined): bigint | null | undefined =>
    text === null ? null : capOf(text);

  return new Hono<OfAccount & Body>()
    .use('/v1/keys', authenticateSession(parts), body)
    .use('/v1/keys/*', authenticateSession(parts), body)
    .get('/v1/keys', async (context) => {
      const keys = await listApiKeys(sql, { accountId: context.get('accountId'), nowMs: now() });
      return context.json({ object: 'list', data: keys.map(keyObject) });
    })
    .post('/v1/keys', async (context) => {
      const wanted = parseBody(keyRequestSchema, context.get('body'));
      const secret = generateApiKey();
      const made = await makeAccountKey(sql, {
        accountId: context.get('accountId'),
        name: wanted.name,
        secret,
        capDayLamports: capOf(wanted.cap_day_lamports),
        capTotalLamports: capOf(wanted.cap_total_lamports),
        nowMs: now(),
      });
      if (made !== 'made')
        throw tooMany(`An account has at most ${MAX_VALID_KEYS} valid keys, and ${MAX_KEYS} with those that ended.`);
      context.header('cache-control', 'no-store');
      return context.json({ ...(await readKey(hashApiKey(secret))), secret }, 201);
    })
    .patch('/v1/keys/:id', async (context) => {
      const wanted = parseBody(keyChangeSchema, context.get('body'));
      const keyHash = await changeAccountKey(sql, {
        accountId: context.get('accountId'),
        id: context.req.param('id'),
        name: wanted.name,
        capDayLamports: changedCap(wanted.cap_day_lamports),
        capTotalLamports: changedCap(wanted.cap_total_lamports),
      });
      if (keyHash === undefined) throw unknownKey();
      return context.json(await readKey(keyHash));
    })
    .post('/v1/keys/:id/rotate', async (context) => {
      const { grace_ms } = parseBody(keyRotationSchema, context.get('body'));
      const secret = generateApiKey();
      const rotated = await rotateAccountKey(sql, {
        accountId: context.get('accountId'),
        id: context.req.param('id'),
        secret,
        overlapMs: BigInt(grace_ms),
        nowMs: now(),
      });
      if (rotated === 'unknown') throw unknownKey();
      if (rotated === 'too-many') throw tooMany(`A key has had at most ${MAX_SECRETS} secrets. Make another key.`);
      context.header('cache-control', 'no-store');
      return context.json({ ...(await readKey(rotated)), secret });
    })
    .delete('/v1/keys/:id', async (context) => {
      const id = context.req.param('id');
      if (!(await revokeAccountKey(sql, { accountId: context.get('accountId'), id, nowMs: now() }))) throw unknownKey();
      return context.body(null, 204);
    });
};

const milliseconds = (at: bigint | undefined): number | null => (at === undefined ? null : Number(at));

function keyObject(key: ApiKeyInfo) {
  return {
    object: 'key',
    id: key.id,
    name: key.name,
    cap_day_lamports: key.capDayLamports?.toString() ?? null,
    cap_total_lamports: key.capTotalLamports?.toString() ?? null,
    spent_day_lamports: key.spentDayLamports.toString(),
    spent_total_lamports: key.spentTotalLamports.toString(),
    created_at_ms: Number(key.createdAtMs),
    rotated_at_ms: milliseconds(key.rotatedAtMs),
    revoked_at_ms: milliseconds(key.revokedAtMs),
  };
}

function unknownKey(): ApiError {
  return new ApiError({
    status: 404,
    type: 'invalid_request_error',
    code: 'key_not_found',
    message: 'The account has no valid key with this id.',
    param: 'id',
  });
}

const tooMany = (message: string): ApiError => invalidRequest(message, null, 'too_many_keys');
