import type { MiddlewareHandler } from 'hono';
import { cors } from 'hono/cors';
import { createMiddleware } from 'hono/factory';

/** What a page may read of an answer beside its body. */
const EXPOSED = [
  'payment-required',
  'payment-response',
  'retry-after',
  'x-request-id',
  'idempotent-replayed',
  'x-ratelimit-limit-requests',
  'x-ratelimit-remaining-requests',
  'x-ratelimit-reset-requests',
];
/** What a page may send. */
const ALLOWED = [
  'authorization',
  'content-type',
  'idempotency-key',
  'payment-signature',
  'access-control-expose-headers',
  'x-karmesh-assurance',
  'x-karmesh-progress',
  'x-karmesh-usage',
];
const PREFLIGHT_SECONDS = 600;

/**
 * Lets pages of these origins call the API from a browser, `*` being all; without any this does nothing, and browsers keep every other page away. No
 * cookie is ever looked at, so that a page can do no more than whoever has its key.
 */
export const allowOrigins = (origins: readonly string[]): MiddlewareHandler =>
  origins.length === 0
    ? createMiddleware((_context, next) => next())
    : cors({
        origin: origins.includes('*') ? '*' : [...origins],
        allowMethods: ['GET', 'POST'],
        allowHeaders: ALLOWED,
        exposeHeaders: EXPOSED,
        maxAge: PREFLIGHT_SECONDS,
      });
