import { createMiddleware } from 'hono/factory';
import { ApiError } from '../openai/apiError.ts';
import type { Sessions } from '../sessions/openSessions.ts';
import { TOKEN_PREFIX } from '../sessions/sessionStore.ts';
import type { KeyHash } from '../store/apiKeys.ts';
import { bearerToken, type KeyFinder, ownerOfKey } from './authenticate.ts';

/** An account's own wallet, or one of its keys. */
export type OfAccount = { readonly Variables: { accountId: bigint; keyHash: KeyHash | undefined } };

/** Lets a request pass that carries the token of a session, and says whose account it is. */
export const authenticateSession = (parts: { readonly sessions: Pick<Sessions, 'find'> }) =>
  createMiddleware<OfAccount>(async (context, next) => {
    const token = bearerToken(context.req.header('authorization'));
    context.set('accountId', await accountOf(parts, token));
    return next();
  });

/** Lets the token of a session pass as well as an API key, whose hash `keyHash` is then. */
export const authenticateAccount = (parts: KeyFinder & { readonly sessions: Pick<Sessions, 'find'> }) =>
  createMiddleware<OfAccount>(async (context, next) => {
    const token = bearerToken(context.req.header('authorization'));
    if (token?.startsWith(TOKEN_PREFIX)) {
      context.set('accountId', await accountOf(parts, token));
      return next();
    }
    const { accountId, keyHash } = await ownerOfKey(parts, token);
    context.set('accountId', accountId);
    context.set('keyHash', keyHash);
    return next();
  });

/** Prefix and 32 bytes in base64url: nothing else is looked for. */
const TOKEN = new RegExp(`^${TOKEN_PREFIX}[\\w-]{43}$`);

async function accountOf(
  { sessions }: { readonly sessions: Pick<Sessions, 'find'> },
  token: string | undefined,
): Promise<bigint> {
  if (token === undefined || !token.startsWith(TOKEN_PREFIX))
    throw unauthorized('This needs the token of a session as a bearer token: log in with the wallet of the account.');
  const found = TOKEN.test(token) ? await sessions.find(token) : undefined;
  if (found === undefined) throw unauthorized('This session has ended. Log in again with the wallet of the account.');
  return found.accountId;
}

function unauthorized(message: string): ApiError {
  return new ApiError({
    status: 401,
    type: 'invalid_request_error',
    code: 'invalid_session',
    message,
    headers: { 'www-authenticate': 'Bearer' },
  });
}
