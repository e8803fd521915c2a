import type { EscrowAddress } from '@karmesh/sdk/protocol';
import { createMiddleware } from 'hono/factory';
import { ApiError } from '../openai/apiError.ts';
import { TOKEN_PREFIX } from '../sessions/sessionStore.ts';
import type { FoundKey, KeyHash } from '../store/apiKeys.ts';

export type Authenticated = {
  readonly Variables: {
    keyHash: KeyHash;
    accountId: bigint;
    /** The escrow that pays in place of the account's credit. */
    escrow: EscrowAddress | undefined;
  };
};

export type KeyFinder = { findKey(key: string): Promise<FoundKey | undefined> };

/** Longer keys than this are nobody's and are not hashed. */
const MAX_KEY_LENGTH = 256;

/** The token of an `authorization` header; undefined without one. */
export const bearerToken = (header: string | undefined): string | undefined =>
  /^Bearer +(\S+)$/i.exec(header ?? '')?.[1];

/** Lets a request pass that carries a known API key as its bearer token, and says whose it is. */
export const authenticate = (parts: KeyFinder) =>
  createMiddleware<Authenticated>(async (context, next) => {
    // Who paid with the request is known already.
    if (context.get('keyHash') !== undefined) return next();
    const found = await ownerOfKey(parts, bearerToken(context.req.header('authorization')));
    context.set('keyHash', found.keyHash);
    context.set('accountId', found.accountId);
    return next();
  });

/**
 * Whose an API key is.
 *
 * @throws ApiError 401 for none, one that is not valid, and the token of a session.
 */
export async function ownerOfKey(parts: KeyFinder, key: string | undefined): Promise<FoundKey> {
  if (key === undefined) {
    throw unauthorized("You didn't provide an API key. Provide it as a bearer token in an 'Authorization' header.");
  }
  if (key.startsWith(TOKEN_PREFIX))
    throw unauthorized(
      'A session of a wallet cannot ask for answers. Make an API key with POST /v1/keys and use that.',
    );
  const found = key.length > MAX_KEY_LENGTH ? undefined : await parts.findKey(key);
  if (found === undefined) throw unauthorized('Incorrect API key provided.');
  return found;
}

function unauthorized(message: string): ApiError {
  return new ApiError({
    status: 401,
    type: 'invalid_request_error',
    code: 'invalid_api_key',
    message,
    headers: { 'www-authenticate': 'Bearer' },
  });
}
