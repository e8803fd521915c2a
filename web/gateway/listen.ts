import type { Server } from 'node:http';
import { type ServerType, serve } from '@hono/node-server';
import { KarmeshError } from '@karmesh/sdk/errors';
import type { Hono } from 'hono';

export type Listening = AsyncDisposable & {
  /** `http://host:port` as a client on this machine reaches it. */
  readonly url: string;
};

/** How long running requests may take to end once the gateway stops, in milliseconds. */
const GRACE_MS = 4_000;

/** Listens on `host` and `port`; port 0 takes a free one. Disposing takes no more requests, and lets those that run end within 4 seconds. */
export async function listen(options: {
  readonly app: Pick<Hono, 'fetch'>;
  readonly host: string;
  readonly port: number;
}): Promise<Listening> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const server: ServerType = serve(
    { fetch: options.app.fetch, hostname: options.host, port: options.port },
    (address) => resolve(address.port),
  );
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
      // `serve` makes a plain HTTP server unless it is told otherwise; connections kept alive without a request would hold it open.
      const plain = server as Server;
      plain.closeIdleConnections();
      const timer = setTimeout(() => plain.closeAllConnections(), GRACE_MS);
      await closed;
      clearTimeout(timer);
    },
  };
}
