import { createMiddleware } from 'hono/factory';
import { type BodyLimits, readBody } from '../openai/readBody.ts';
import type { Authenticated } from './authenticate.ts';

export type Body = { readonly Variables: { body: Uint8Array } };
export type WithBody = Authenticated & Body;

const WITH_BODY: ReadonlySet<string> = new Set(['POST', 'PATCH']);

/** Reads the body of a request within its limits, before anything is done that has to be undone. */
export const jsonBody = (limits: BodyLimits) =>
  createMiddleware<Body>(async (context, next) => {
    // A door before this one may have had to read it to say what the request costs.
    if (WITH_BODY.has(context.req.method) && context.get('body') === undefined)
      context.set('body', await readBody(context.req.raw, limits));
    await next();
  });
