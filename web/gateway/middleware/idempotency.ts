import { createHash } from 'node:crypto';
import { type RequestId, toHex } from '@karmesh/sdk/protocol';
import type { Logger } from '@karmesh/sdk/runtime';
import { createMiddleware } from 'hono/factory';
import { ApiError, invalidRequest } from '../openai/apiError.ts';
import { readToEnd } from '../openai/readToEnd.ts';
import type { KeyHash } from '../store/apiKeys.ts';
import type { WithBody } from './jsonBody.ts';

/** An answer as it went out; `body` is its text, of a stream all of its events. */
export type StoredResponse = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

/** One key of one client; `bodyHash` is SHA-256 of the path, a zero byte and the body. */
export type IdempotencyEntry = { readonly keyHash: KeyHash; readonly key: string; readonly bodyHash: Uint8Array };

/** One try of it, by what tells it from others. */
export type IdempotencyRun = IdempotencyEntry & { readonly run: Uint8Array };

export type IdempotencyState =
  | { readonly kind: 'fresh'; readonly run: Uint8Array }
  | { readonly kind: 'running'; readonly bodyHash: Uint8Array }
  | { readonly kind: 'cut'; readonly bodyHash: Uint8Array; readonly requestId: RequestId }
  | { readonly kind: 'done'; readonly bodyHash: Uint8Array; readonly response: StoredResponse };

/** Remembers which keys were used. A key is remembered by client, so that nobody reads another's answers. */
export type IdempotencyStore = {
  /** Takes the key in one step unless it is taken; to one caller alone it is `fresh`. */
  begin(entry: IdempotencyEntry): Promise<IdempotencyState>;
  /** Says which request a run became. */
  name(run: IdempotencyRun, requestId: RequestId): Promise<void>;
  finish(run: IdempotencyRun, response: StoredResponse): Promise<void>;
  /** Gives the key back, unless its bundle has the answer: the run had none that could be told again. */
  forget(run: IdempotencyRun): Promise<void>;
};

export type Repeatable = WithBody & {
  readonly Variables: {
    /** Told of a request that may be repeated, once the market has accepted it. Who leaves such a request does not cancel it. */
    onAccepted: ((requestId: RequestId) => Promise<void>) | undefined;
  };
};

/** Bytes of an answer that is remembered at most; of a longer one it is remembered where it can be had. */
const MAX_STORED_BYTES = 8_000_000;
/** Headers of an answer that are told again. */
const KEPT_HEADERS = ['content-type', 'x-request-id', 'x-accel-buffering'];
const KEY = /^[\x21-\x7e]{1,255}$/;
const STREAM_END = 'data: [DONE]\n\n';

/**
 * Answers a request whose `idempotency-key` was used before with what was answered then. Such a request goes on when its sender hangs up, so that
 * the repetition gets the answer that was paid for. Answers with status 200 alone are remembered: what failed may be tried again. Needs `jsonBody`
 * before it.
 */
export const idempotent = (parts: {
  readonly store: IdempotencyStore | undefined;
  readonly log: Pick<Logger, 'error'>;
}) =>
  createMiddleware<Repeatable>(async (context, next) => {
    const { store, log } = parts;
    const key = context.req.header('idempotency-key');
    // Of any other method nothing was read, and nothing will be answered.
    if (store === undefined || key === undefined || context.req.method !== 'POST') return next();
    if (!KEY.test(key)) {
      throw invalidRequest("An 'idempotency-key' is 1 to 255 visible ASCII characters.", 'idempotency-key');
    }
    const bodyHash = hashOf(context.req.path, context.get('body'));
    const entry = { keyHash: context.get('keyHash'), key, bodyHash };
    const state = await store.begin(entry);
    if (state.kind !== 'fresh' && !Buffer.from(state.bodyHash).equals(bodyHash)) throw otherBody();
    if (state.kind === 'running') throw stillRunning();
    if (state.kind === 'cut') throw notKept(toHex(state.requestId));
    if (state.kind === 'done') {
      const { status, headers, body } = state.response;
      return new Response(body, { status, headers: { ...headers, 'idempotent-replayed': 'true' } });
    }
    const run = { ...entry, run: state.run };
    context.set('onAccepted', (requestId) => store.name(run, requestId));
    try {
      await next();
    } catch (cause) {
      await store.forget(run);
      throw cause;
    }
    const { status } = context.res;
    if (status !== 200) {
      await store.forget(run);
      return undefined;
    }
    const headers = Object.fromEntries(
      KEPT_HEADERS.flatMap((name) => {
        const value = context.res.headers.get(name);
        return value === null ? [] : [[name, value]];
      }),
    );
    const isStream = headers['content-type']?.startsWith('text/event-stream') === true;
    const end = async (body: string | undefined, isWhole: boolean): Promise<void> => {
      try {
        if (!isWhole) await store.forget(run);
        else
          await store.finish(
            run,
            body === undefined ? tooLong(headers['x-request-id'] ?? '') : { status, headers, body },
          );
      } catch (err) {
        // The answer stands; only its repetition would be made anew, or wait until the store forgets the key.
        log.error({ err }, 'What came of an idempotency key could not be stored.');
      }
    };
    if (!isStream) {
      // It is kept before its first byte goes out, since the last one may be lost.
      const body = await context.res.text();
      await end(Buffer.byteLength(body) > MAX_STORED_BYTES ? undefined : body, true);
      context.res = new Response(body, context.res);
      return undefined;
    }
    context.res = readToEnd(context.res, {
      signal: context.req.raw.signal,
      maxBytes: MAX_STORED_BYTES,
      // The server's own end of a stream comes last; whatever broke one says something else there.
      onEnd: ({ text, tail }) => end(text, tail.endsWith(STREAM_END)),
    });
    return undefined;
  });

function hashOf(path: string, body: Uint8Array): Uint8Array {
  return createHash('sha256').update(path).update('\0').update(body).digest();
}

function stillRunning(): ApiError {
  return new ApiError({
    status: 409,
    type: 'invalid_request_error',
    code: 'idempotency_key_in_use',
    message: "A request with this 'idempotency-key' is still under way.",
    param: 'idempotency-key',
    headers: { 'retry-after': '1' },
  });
}

function otherBody(): ApiError {
  return new ApiError({
    status: 422,
    type: 'invalid_request_error',
    code: 'idempotency_key_reused',
    message: "This 'idempotency-key' was used for another request.",
    param: 'idempotency-key',
  });
}

/** The sender's process or ours ended in between, or the answer was too long; what was paid for is not asked for again. */
function notKept(requestId: string): ApiError {
  return new ApiError({
    status: 409,
    type: 'invalid_request_error',
    code: 'idempotency_answer_not_kept',
    message: `The request with this 'idempotency-key' was answered, and its answer can be told by its bundle alone: /v1/receipts/${requestId}.`,
    param: 'idempotency-key',
    headers: { 'x-request-id': requestId, 'x-should-retry': 'false' },
  });
}

/** What is remembered in place of an answer that is too long for that. */
function tooLong(requestId: string): StoredResponse {
  const { body, headers, status } = notKept(requestId);
  return { status, headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify(body) };
}
