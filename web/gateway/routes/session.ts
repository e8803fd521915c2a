import { isLoopback } from '@karmesh/sdk/clusters';
import { addressFromBase58, toBase58 } from '@karmesh/sdk/program';
import { type Context, Hono } from 'hono';
import { z } from 'zod';
import { bearerToken } from '../middleware/authenticate.ts';
import { authenticateSession } from '../middleware/authenticateSession.ts';
import { type Body, jsonBody } from '../middleware/jsonBody.ts';
import { ApiError, type ErrorStatus, invalidRequest } from '../openai/apiError.ts';
import { parseBody } from '../openai/parseJson.ts';
import type { Refusal, Sessions } from '../sessions/openSessions.ts';
import { type OriginOptions, originOf } from './sendAnswer.ts';

const MAX_BODY_BYTES = 4_096;

/** The body of `POST /v1/session/challenge`. */
export const challengeRequestSchema = z.strictObject({
  wallet: z.string().regex(/^[1-9A-HJ-NP-Za-km-z]{32,44}$/),
});
/** The body of `POST /v1/session`. */
export const sessionRequestSchema = z.strictObject({
  message: z.string().min(1).max(2_048),
  signature: z.string().regex(/^[1-9A-HJ-NP-Za-km-z]{64,88}$/),
});

const REFUSALS: Readonly<Record<Refusal, { readonly status: ErrorStatus; readonly sentence: string }>> = {
  'not-issued': { status: 401, sentence: 'This gateway has not issued this message, or not for this address.' },
  expired: { status: 401, sentence: 'The message has expired. Ask for another.' },
  'not-signed': { status: 401, sentence: 'The wallet that the message names has not signed it as it stands.' },
  used: { status: 401, sentence: 'The message has opened a session before. Ask for another.' },
  'too-often': { status: 429, sentence: 'This wallet has logged in too often. Try again in five minutes.' },
  'too-many-accounts': {
    status: 429,
    sentence: 'This gateway takes no more new wallets in this hour. A wallet that has paid in is not new.',
  },
};

export type SessionRouteParts = { readonly sessions: Sessions };

/**
 * `POST /v1/session/challenge` with `{wallet}` gives a text to sign, `POST /v1/session` with `{message, signature}` a session's token for it,
 * `DELETE /v1/session` ends the session. Nothing is written before a signature has been verified.
 */
export const sessionRoutes = (options: OriginOptions) => (parts: SessionRouteParts) => {
  const { sessions } = parts;
  return new Hono<Body>()
    .use('/v1/session/challenge', jsonBody({ maxBodyBytes: MAX_BODY_BYTES }))
    .post('/v1/session/challenge', (context) => {
      const { wallet } = parseBody(challengeRequestSchema, context.get('body'));
      const { message, expiresAtMs } = sessions.challenge({
        origin: ownOrigin(context, options),
        wallet: walletOf(wallet),
      });
      context.header('cache-control', 'no-store');
      return context.json({ message, expires_at_ms: expiresAtMs });
    })
    .use('/v1/session', jsonBody({ maxBodyBytes: MAX_BODY_BYTES }))
    .post('/v1/session', async (context) => {
      const { message, signature } = parseBody(sessionRequestSchema, context.get('body'));
      const opened = await sessions.open({ origin: ownOrigin(context, options), message, signature });
      if (opened.verdict !== 'opened') throw refused(opened.verdict);
      context.header('cache-control', 'no-store');
      return context.json(
        {
          token: opened.token,
          expires_at_ms: Number(opened.expiresAtMs),
          wallet: toBase58(opened.wallet),
          account: opened.account,
        },
        201,
      );
    })
    .delete('/v1/session', authenticateSession(parts), async (context) => {
      await sessions.end(bearerToken(context.req.header('authorization')) ?? '');
      return context.body(null, 204);
    });
};

function walletOf(text: string): Uint8Array {
  try {
    return addressFromBase58(text);
  } catch {
    throw invalidRequest("'wallet' is not 32 bytes in base58.", 'wallet');
  }
}

/**
 * What the gateway is called in messages. Whoever asks chooses the `Host` header, and could have another site's name signed with it, so that it
 * counts for this machine's own names alone; any other name is the operator's to tell.
 */
function ownOrigin(context: Context, options: OriginOptions): string {
  const { origin } = new URL(originOf(context, options));
  if (options.publicUrl !== undefined || isLoopback(origin)) return origin;
  throw invalidRequest(
    'Wallets can log in at this machine’s own address alone, since the operator has not told the gateway its public one (--public-url).',
    null,
    'no_public_url',
  );
}

function refused(refusal: Refusal): ApiError {
  const { sentence, status } = REFUSALS[refusal];
  return new ApiError({
    status,
    type: status === 429 ? 'rate_limit_error' : 'invalid_request_error',
    code: status === 429 ? 'rate_limit_exceeded' : 'session_refused',
    message: sentence,
    headers: status === 429 ? { 'retry-after': '300' } : { 'www-authenticate': 'Bearer' },
  });
}
