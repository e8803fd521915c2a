import { upgradeWebSocket } from '@hono/node-server';
import { Hono } from 'hono';
import { createMiddleware } from 'hono/factory';
import type { WebSocket } from 'ws';
import { ApiError } from '../openai/apiError.ts';
import { openSockets, type SocketLimits, type SocketPlace } from './openSockets.ts';
import { type OriginOptions, originOf } from './sendAnswer.ts';
import { type SocketSession, type SocketSessionParts, socketSession } from './socketSession.ts';

/** A nameless socket may hold one message of the server's limit. */
const LIMITS: SocketLimits = { maxSockets: 1_000, maxNameless: 64, maxPerKey: 100 };
/** RFC 6455, section 7.4.1. */
const UNSUPPORTED_DATA = 1003;

export type SocketRouteOptions = OriginOptions & {
  readonly maxBodyBytes: number;
  /** 1,000 sockets, 64 of them nameless, 100 of one key, unless told. */
  readonly sockets?: Partial<SocketLimits> | undefined;
};

/**
 * `GET /v1/socket`: a WebSocket that takes chat requests as messages and answers with the same objects as `POST /v1/chat/completions`.
 * It is not OpenAI's realtime interface.
 */
export const socketRoutes = (options: SocketRouteOptions) => (parts: Omit<SocketSessionParts, 'place'>) => {
  const sockets = openSockets({ ...LIMITS, ...options.sockets });
  const mayOpen = createMiddleware(async (context, next) => {
    if (context.req.header('upgrade')?.toLowerCase() !== 'websocket') throw noSocket();
    if (sockets.isFull) throw tooManySockets();
    await next();
  });
  return new Hono().get(
    '/v1/socket',
    mayOpen,
    upgradeWebSocket((context) => {
      const { maxBodyBytes } = options;
      const origin = originOf(context, options);
      let session: SocketSession | undefined;
      let place: SocketPlace | undefined;
      return {
        onOpen(_, { raw }) {
          const socket = raw as unknown as WebSocket;
          place = sockets.open(() => socket.terminate());
          session = socketSession({ maxBodyBytes, origin }, { ...parts, place }, lineOf(socket));
        },
        onMessage({ data }, socket) {
          if (typeof data === 'string') session?.message(data);
          else socket.close(UNSUPPORTED_DATA, 'Messages are text.');
        },
        onClose() {
          place?.[Symbol.dispose]();
          session?.closed();
        },
      };
    }),
  );
};

function lineOf(socket: WebSocket) {
  return {
    send: (text: string): Promise<void> =>
      new Promise((resolve, reject) => {
        socket.send(text, (cause) => (cause == null ? resolve() : reject(cause)));
      }),
    close: (code: number, reason: string): void => socket.close(code, reason),
    pause: (): void => socket.pause(),
    resume: (): void => socket.resume(),
  };
}

function noSocket(): ApiError {
  return new ApiError({
    status: 426,
    type: 'invalid_request_error',
    code: 'upgrade_required',
    message: 'This is a door for WebSockets; ask for an upgrade.',
    headers: { upgrade: 'websocket', connection: 'upgrade' },
  });
}

function tooManySockets(): ApiError {
  return new ApiError({
    status: 503,
    type: 'server_error',
    code: 'too_many_sockets',
    message: 'This gateway has as many sockets open as it can carry. Try again in a moment.',
    headers: { 'retry-after': '10' },
  });
}
