import { connect } from 'node:net';
import { MODEL_NAME } from '../../bench/gateway/upstream.ts';
import { tokensIn } from './answer.ts';

/** How a client leaves: it says that it will send no more and counts what still comes, or it resets the connection, or it does not leave. */
export type Leaving = {
  readonly kind: 'ends' | 'resets' | 'stays';
  /** Leaves once it has read so many tokens; 0 is as soon as the response has begun, -1 before. */
  readonly atTokens: number;
};

export type LeftStream = {
  /** Which gateway it was asked of. */
  readonly place: number;
  readonly leaving: Leaving;
  readonly status: number | undefined;
  /** In hexadecimal digits; undefined if no head came. */
  readonly requestId: string | undefined;
  /** Tokens that the client had read when it left, or at the end. */
  readonly readTokens: number;
  /** Tokens that the gateway wrote to the socket before the connection ended; undefined where the client reset it and cannot know. */
  readonly writtenTokens: number | undefined;
  /** The whole answer came, to the last event. */
  readonly isWhole: boolean;
};

/**
 * Asks for a stream over a plain socket and leaves in its middle. Of a client that ends its side, all that the gateway has written to the socket is counted
 * until the gateway closes it, also by one that is killed: a kernel delivers what it took. Resolves with undefined where nobody listens.
 */
export async function askAndLeave(
  gateway: { readonly place: number; readonly url: string; readonly apiKey: string },
  leaving: Leaving,
): Promise<LeftStream | undefined> {
  const { hostname, pathname, port } = new URL(`${gateway.url}/chat/completions`);
  const body = JSON.stringify({
    model: MODEL_NAME,
    messages: [{ role: 'user', content: 'Count.' }],
    stream: true,
    max_tokens: 64,
  });
  const request = [
    `POST ${pathname} HTTP/1.1`,
    `host: ${hostname}:${port}`,
    `authorization: Bearer ${gateway.apiKey}`,
    'content-type: application/json',
    `content-length: ${body.length}`,
    'connection: close',
    '',
    body,
  ].join('\r\n');
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  const closed = new Promise<Error | undefined>((resolve) => {
    let fault: Error | undefined;
    socket.once('error', (err) => {
      fault = err;
    });
    socket.once('close', () => resolve(fault));
  });
  let sent = '';
  let readTokens: number | undefined;
  const leave = (): void => {
    readTokens = tokensIn(sent);
    if (leaving.kind === 'resets') socket.resetAndDestroy();
    else socket.end();
  };
  socket.setEncoding('latin1').on('data', (part: string) => {
    sent += part;
    if (leaving.kind === 'stays' || readTokens !== undefined) return;
    if (tokensIn(sent) >= leaving.atTokens) leave();
  });
  socket.once('end', () => socket.end());
  socket.write(request);
  if (leaving.atTokens < 0) {
    // The gateway has the request, and nothing has been said yet.
    socket.once('connect', () => setTimeout(leave, 20));
  }
  const fault = await closed;
  if (fault !== undefined && 'code' in fault && fault.code === 'ECONNREFUSED') return undefined;
  const head = /^HTTP\/1\.1 (\d+)/.exec(sent);
  return {
    place: gateway.place,
    leaving,
    status: head === null ? undefined : Number(head[1]),
    requestId: /x-request-id: ([0-9a-f]{64})/i.exec(sent)?.[1],
    readTokens: readTokens ?? tokensIn(sent),
    writtenTokens: leaving.kind === 'resets' ? undefined : tokensIn(sent),
    isWhole: sent.includes('data: [DONE]'),
  };
}
