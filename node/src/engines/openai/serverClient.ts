import { KarmeshError } from '@karmesh/sdk/errors';
import type { z } from 'zod';
import { type BodyLimits, readBytes, stoppedOr } from './readBytes.ts';

/** An HTTP server that speaks OpenAI's API. Every answer is bounded in bytes and time; what it says in errors is never repeated, since it may quote a prompt. */
export interface ServerClient {
  /** The answer's JSON by this schema; undefined if the status is one of `unless`. Throws `ENGINE_FAILED`, `CONFIG_INVALID`, `ABORTED`. */
  json<T>(ask: JsonAsk<T>, signal?: AbortSignal): Promise<T | undefined>;
  /** The body of a streamed answer, piece by piece. Throws likewise. */
  stream(ask: Ask, signal?: AbortSignal): AsyncGenerator<Uint8Array>;
}

export interface Ask {
  /** Below the base URL, without a slash in front; a leading `/` means the server's origin. */
  readonly path: string;
  /** Posts this as JSON; gets unless there is one. */
  readonly body?: unknown;
}
export interface JsonAsk<T> extends Ask {
  readonly schema: z.ZodType<T>;
  /** Statuses that say that the server has no such thing. */
  readonly unless?: readonly number[];
}

export interface ServerClientOptions {
  /** The base URL that a client of OpenAI would be given, `/v1` included. */
  readonly url: string;
  /** Sent as a bearer token. */
  readonly key?: string;
  readonly limits: BodyLimits;
}

export function serverClient(options: ServerClientOptions): ServerClient {
  const base = new URL(options.url.endsWith('/') ? options.url : `${options.url}/`);
  const { limits } = options;
  // Facts and logs name the server without what a URL may hide in its user, password or query.
  const server = `${base.origin}${base.pathname}`;

  /** Sends one ask and gives the head of its answer; the body counts against the same time. */
  const send = async (ask: Ask, signal: AbortSignal): Promise<Response> => {
    try {
      return await fetch(new URL(ask.path, base), {
        method: ask.body === undefined ? 'GET' : 'POST',
        headers: {
          accept: 'application/json, text/event-stream',
          ...(ask.body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(options.key === undefined ? {} : { authorization: `Bearer ${options.key}` }),
        },
        ...(ask.body === undefined ? {} : { body: JSON.stringify(ask.body) }),
        // A redirect would carry prompt and key to whom the operator did not name.
        redirect: 'error',
        signal,
      });
    } catch (cause) {
      throw stoppedOr(
        signal,
        new KarmeshError('ENGINE_FAILED', 'The engine’s server cannot be reached.', { server }, cause),
      );
    }
  };

  const refused = ({ status }: Response): KarmeshError =>
    status === 401 || status === 403
      ? new KarmeshError('CONFIG_INVALID', 'The engine’s server refused the key.', { server, status })
      : new KarmeshError('ENGINE_FAILED', 'The engine’s server refused a request.', { server, status });

  return {
    async json(ask, signal) {
      using time = limited(limits.answerMs, signal);
      const response = await send(ask, time.signal);
      if (!response.ok) {
        await response.body?.cancel();
        if (ask.unless?.includes(response.status)) return undefined;
        throw refused(response);
      }
      const pieces: Uint8Array[] = [];
      for await (const piece of readBytes(response, { limits, signal: time.signal, server })) pieces.push(piece);
      let value: unknown;
      try {
        value = JSON.parse(Buffer.concat(pieces).toString('utf8'));
      } catch {
        throw new KarmeshError('ENGINE_FAILED', 'The engine’s server answered with what is not JSON.', {
          server,
          path: ask.path,
        });
      }
      const parsed = ask.schema.safeParse(value);
      if (!parsed.success)
        throw new KarmeshError('ENGINE_FAILED', 'The engine’s server answered in a form that the API does not have.', {
          server,
          path: ask.path,
          where: parsed.error.issues[0]?.path.join('.'),
        });
      return parsed.data;
    },
    async *stream(ask, signal) {
      using time = limited(limits.answerMs, signal);
      const response = await send(ask, time.signal);
      if (!response.ok) {
        await response.body?.cancel();
        throw refused(response);
      }
      if (!(response.headers.get('content-type') ?? '').startsWith('text/event-stream')) {
        await response.body?.cancel();
        throw new KarmeshError('ENGINE_FAILED', 'The engine’s server answered without the stream that was asked for.', {
          server,
        });
      }
      yield* readBytes(response, { limits, signal: time.signal, server });
    },
  };
}

/** The caller's signal and a limit of time in one. */
function limited(ms: number, parent: AbortSignal | undefined): { readonly signal: AbortSignal } & Disposable {
  const late = new AbortController();
  const timer = setTimeout(
    () => late.abort(new KarmeshError('ENGINE_FAILED', 'The engine’s server took too long.', { limitMs: ms })),
    ms,
  );
  const signal = parent === undefined ? late.signal : AbortSignal.any([parent, late.signal]);
  return { signal, [Symbol.dispose]: () => clearTimeout(timer) };
}
