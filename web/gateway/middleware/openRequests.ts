import type { HttpBindings } from '@hono/node-server';
import { createMiddleware } from 'hono/factory';
import { ApiError } from '../openai/apiError.ts';
import { onBodyEnd } from '../openai/onBodyEnd.ts';
import type { KeyHash } from '../store/apiKeys.ts';
import type { Authenticated } from './authenticate.ts';

export type OpenLimits = {
  /** Requests that may be under way at once, streams until their last byte; 4,096 unless told. */
  readonly maxOpen?: number | undefined;
  /** Of these, those of one API key; 512 unless told. */
  readonly maxOpenPerKey?: number | undefined;
  /** How long a client may take for an answer that lies there whole, in milliseconds; 120,000 unless told. */
  readonly takeMs?: number | undefined;
};

export type OpenRequests = {
  /**
   * A place for one request, which disposing gives back.
   *
   * @throws ApiError 503 if all are taken, 429 if this key has as many as it may.
   */
  take(keyHash: KeyHash): Disposable;
  readonly takeMs: number;
};

const MAX_OPEN = 4_096;
const MAX_OPEN_PER_KEY = 512;
/** As long as a body may take to come. */
const TAKE_MS = 120_000;

/** Counts what is under way, in memory and for this process alone. */
export function openRequests({
  maxOpen = MAX_OPEN,
  maxOpenPerKey = MAX_OPEN_PER_KEY,
  takeMs = TAKE_MS,
}: OpenLimits): OpenRequests {
  const byKey = new Map<string, number>();
  let open = 0;
  return {
    takeMs,
    take(keyHash) {
      const key = Buffer.from(keyHash).toString('base64');
      const own = byKey.get(key) ?? 0;
      if (own >= maxOpenPerKey) throw tooManyOfKey(maxOpenPerKey);
      if (open >= maxOpen) throw tooMany();
      open += 1;
      byKey.set(key, own + 1);
      let isTaken = true;
      return {
        [Symbol.dispose]() {
          if (!isTaken) return;
          isTaken = false;
          open -= 1;
          const left = (byKey.get(key) ?? 1) - 1;
          if (left === 0) byKey.delete(key);
          else byKey.set(key, left);
        },
      };
    },
  };
}

/** Holds a place for each request until its answer has gone out, and parts with who takes too long for a whole one. Needs `authenticate` before it. */
export const limitOpen = (open: OpenRequests) =>
  createMiddleware<Authenticated & { readonly Bindings: Partial<HttpBindings> }>(async (context, next) => {
    // Of any other method the body may be dropped unread, and nothing is under way.
    if (context.req.method !== 'POST') return next();
    const place = open.take(context.get('keyHash'));
    const end = (): void => place[Symbol.dispose]();
    const outgoing = context.env?.outgoing;
    if (outgoing !== undefined && !outgoing.closed) {
      // The server knows when an answer is gone, whatever came of it; to watch its body would cost more than to send it.
      outgoing.once('close', end);
      await next();
      // A stream has a time of its own, and is here long before its last event.
      const isStream = context.res.headers.get('content-type')?.startsWith('text/event-stream') === true;
      if (!isStream && !outgoing.closed) endUnlessTaken(outgoing, open.takeMs);
      return undefined;
    }
    try {
      await next();
    } catch (cause) {
      // Hono makes an answer of errors; whatever else is thrown comes through.
      end();
      throw cause;
    }
    context.res = onBodyEnd(context.res, { signal: context.req.raw.signal, onEnd: end });
    return undefined;
  });

function endUnlessTaken(outgoing: HttpBindings['outgoing'], ms: number): void {
  const timer = setTimeout(() => outgoing.destroy(), ms);
  outgoing.once('close', () => clearTimeout(timer));
}

function tooManyOfKey(max: number): ApiError {
  return new ApiError({
    status: 429,
    type: 'rate_limit_error',
    code: 'too_many_open_requests',
    message: `This API key has ${max} requests under way, which is as many as it may have at once.`,
    headers: { 'retry-after': '1' },
  });
}

function tooMany(): ApiError {
  return new ApiError({
    status: 503,
    type: 'server_error',
    code: 'too_many_open_requests',
    message: 'This gateway has as many requests under way as it can carry. Try again in a moment.',
    headers: { 'retry-after': '5' },
  });
}
