import { createMiddleware } from 'hono/factory';
import { ApiError } from '../openai/apiError.ts';
import type { KeyHash } from '../store/apiKeys.ts';

export type Authenticated = { readonly Variables: { keyHash: KeyHash } };

/** Longer keys than this are nobody's and are not hashed. */
const MAX_KEY_LENGTH = 256;

/** Lets a request pass that carries a known API key as its bearer token, and says whose it is. */
export const authenticate = (parts: { findKey(key: string): Promise<KeyHash | undefined> }) =>
  createMiddleware<Authenticated>(async (context, next) => {
    const key = /^Bearer +(\S+)$/i.exec(context.req.header('authorization') ?? '')?.[1];
    if (key === undefined) {
      throw unauthorized("You didn't provide an API key. Provide it as a bearer token in an 'Authorization' header.");
    }
    const keyHash = key.length > MAX_KEY_LENGTH ? undefined : await parts.findKey(key);
    if (keyHash === undefined) throw unauthorized('Incorrect API key provided.');
    context.set('keyHash', keyHash);
    await next();
  });

function unauthorized(message: string): ApiError {
  return new ApiError({
    status: 401,
    type: 'invalid_request_error',
    code: 'invalid_api_key',
    message,
    headers: { 'www-authenticate': 'Bearer' },
  });
}
