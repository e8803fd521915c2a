import { randomBytes } from 'node:crypto';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { type ServerType, serve, type WebSocketServerLike } from '@hono/node-server';
import { KarmeshError } from '@karmesh/sdk/errors';
import type { Hono } from 'hono';
import { type WebSocket, WebSocketServer } from 'ws';

export type Listening = AsyncDisposable & {
  /** `http://host:port` as a client on this machine reaches it. */
  readonly url: string;
};

/** What a connection may cost before it has asked for anything. Times in milliseconds. */
export type ConnectionLimits = {
  /** Until the last header has come. */
  readonly headersMs: number;
  /** Until the last byte of a body has come. */
  readonly requestMs: number;
  /** Connections at once; one more is closed as soon as it is opened. */
  readonly maxConnections: number;
  /** Bytes of a request's line and headers. */
  readonly maxHeaderBytes: number;
  /** Bytes of a message on a socket. */
  readonly maxMessageBytes: number;
  /** How long a client may take nothing of what is written to it. */
  readonly stallMs: number;
  /** Between two pings to a socket, and so how long it may take to answer one. */
  readonly beatMs: number;
};

const LIMITS: ConnectionLimits = {
  headersMs: 10_000,
  requestMs: 120_000,
  maxConnections: 10_000,
  maxHeaderBytes: 16_384,
  maxMessageBytes: 4_000_000,
  stallMs: 20_000,
  beatMs: 30_000,
};

/** How often Node looks for connections that are over their time. */
const CHECK_EVERY_MS = 1_000;

/** How long running requests may take to end once the gateway stops, in milliseconds. */
const GRACE_MS = 4_000;

/** RFC 6455, section 7.4.1. */
const GOING_AWAY = 1001;

const isSocket = ({ headers }: IncomingMessage): boolean => headers.upgrade?.toLowerCase() === 'websocket';

/** Versions of Node without `shouldUpgradeCallback` leave connections open that ask for any other protocol. */
function closeOtherUpgrades(server: Server): void {
  const handlers = server.listeners('upgrade');
  server.removeAllListeners('upgrade');
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (!isSocket(request)) socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
    else for (const handler of handlers) handler.call(server, request, socket, head);
  });
}

/**
 * Ends sockets whose other side has not answered a ping until the next one. A pong repeats what the ping said, which nobody knows who does not read:
 * so a client that sends pongs unasked and takes nothing is ended too.
 */
function heartbeat(sockets: WebSocketServer, beatMs: number): () => void {
  const asked = new WeakMap<WebSocket, Buffer | undefined>();
  sockets.on('connection', (socket) => {
    asked.set(socket, undefined);
    socket.on('pong', (said) => {
      if (asked.get(socket)?.equals(said)) asked.set(socket, undefined);
    });
  });
  const timer = setInterval(() => {
    for (const socket of sockets.clients) {
      if (asked.get(socket) !== undefined) {
        socket.terminate();
        continue;
      }
      const word = randomBytes(8);
      asked.set(socket, word);
      socket.ping(word);
    }
  }, beatMs);
  return () => clearInterval(timer);
}

/** Ends connections that have taken nothing for `stallMs` of what lies ready for them; one that has nothing to take may wait. */
function endStalled(server: Server, stallMs: number): void {
  server.on('request', (_, response) => {
    response.setTimeout(stallMs, () => {
      if (response.socket !== null && response.socket.writableLength > 0) response.destroy();
    });
  });
}

/** Listens on `host` and `port`; port 0 takes a free one. Disposing takes no more requests, and lets those that run end within 4 seconds. */
export async function listen(options: {
  readonly app: Pick<Hono, 'fetch'>;
  readonly host: string;
  readonly port: number;
  readonly limits?: Partial<ConnectionLimits>;
}): Promise<Listening> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const limits = { ...LIMITS, ...options.limits };
  const sockets = new WebSocketServer({ noServer: true, maxPayload: limits.maxMessageBytes, perMessageDeflate: false });
  const serverOptions = {
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    connectionsCheckingInterval: Math.min(CHECK_EVERY_MS, limits.headersMs),
    maxHeaderSize: limits.maxHeaderBytes,
    // A client that offers another protocol, as some do with each request, gets its answer in this one.
    shouldUpgradeCallback: isSocket,
  };
  const server: ServerType = serve(
    {
      fetch: options.app.fetch,
      hostname: options.host,
      port: options.port,
      serverOptions,
      // Their types differ in what may be left out, which `noServer` is not.
      websocket: { server: sockets as unknown as WebSocketServerLike },
    },
    (address) => resolve(address.port),
  );
  // `serve` makes a plain HTTP server unless it is told otherwise.
  const plain = server as Server;
  plain.maxConnections = limits.maxConnections;
  closeOtherUpgrades(plain);
  endStalled(plain, limits.stallMs);
  const stopBeating = heartbeat(sockets, limits.beatMs);
  server.once('error', (cause) => {
    const facts = { host: options.host, port: options.port };
    reject(new KarmeshError('CONFIG_INVALID', 'The gateway cannot listen there.', facts, cause));
  });
  const port = await promise;
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  return {
    url: `http://${host}:${port}`,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((done) => {
        server.close(() => done());
      });
      // Connections kept alive without a request would hold it open.
      plain.closeIdleConnections();
      stopBeating();
      for (const socket of sockets.clients) socket.close(GOING_AWAY);
      const timer = setTimeout(() => {
        plain.closeAllConnections();
        for (const socket of sockets.clients) socket.terminate();
      }, GRACE_MS);
      await closed;
      clearTimeout(timer);
    },
  };
}
