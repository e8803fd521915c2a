import { z } from 'zod';
import { KarmeshError } from '../errors.ts';

/** Where a gateway is and what it knows its buyer by. */
export interface Gateway {
  /** Its address without a slash at the end, `http://127.0.0.1:8787`. */
  readonly url: string;
  readonly apiKey: string;
  /** Another way to send requests than the global `fetch`. */
  readonly fetch?: typeof globalThis.fetch;
}

const errorBody = z.object({ error: z.object({ message: z.string(), code: z.string().nullish() }) });

/**
 * One HTTP call of a gateway, without a key of what everybody may read. Throws `PEER_UNREACHABLE` when nobody answers, `ABORTED` after the signal, `GATEWAY_REFUSED` with the
 * gateway's own sentence when it refuses.
 */
export async function callGateway(
  gateway: Omit<Gateway, 'apiKey'> & Partial<Pick<Gateway, 'apiKey'>>,
  call: {
    readonly path: string;
    /** POST with a body and GET without one unless told. */
    readonly method?: 'PATCH' | 'DELETE';
    readonly body?: unknown;
    readonly headers?: Readonly<Record<string, string>>;
    readonly signal?: AbortSignal;
  },
): Promise<Response> {
  let response: Response;
  try {
    response = await (gateway.fetch ?? globalThis.fetch)(`${gateway.url}${call.path}`, {
      method: call.method ?? (call.body === undefined ? 'GET' : 'POST'),
      headers: {
        ...(gateway.apiKey === undefined ? {} : { authorization: `Bearer ${gateway.apiKey}` }),
        'content-type': 'application/json',
        ...call.headers,
      },
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
      ...(call.signal === undefined ? {} : { signal: call.signal }),
    });
  } catch (cause) {
    if (call.signal?.aborted === true) throw new KarmeshError('ABORTED', 'The request was cancelled.', {}, cause);
    throw new KarmeshError('PEER_UNREACHABLE', 'The gateway did not answer.', { url: gateway.url }, cause);
  }
  if (response.ok) return response;
  const parsed = errorBody.safeParse(await response.json().catch(() => undefined));
  throw new KarmeshError('GATEWAY_REFUSED', parsed.data?.error.message ?? 'The gateway refused the request.', {
    status: response.status,
    ...(parsed.data?.error.code == null ? {} : { code: parsed.data.error.code }),
  });
}
