import { createServer, type Server } from 'node:http';
import { KarmeshError } from '../errors.ts';
import type { Health } from './health.ts';
import type { Metrics } from './metrics.ts';

export type HealthServerOptions = {
  /** The address to listen on, loopback unless told: the answers are for an operator, not for the world. */
  readonly host?: string;
  /** The TCP port, 0 (any free one) unless told. */
  readonly port?: number;
};

export type HealthServerParts = { readonly health: Health; readonly metrics: Pick<Metrics, 'text' | 'contentType'> };

export type HealthServer = AsyncDisposable & {
  /** Where it listens, `http://127.0.0.1:40123`. */
  readonly url: string;
  close(): Promise<void>;
};

const unavailable = 503;

/**
 * Serves `/healthz` (alive), `/readyz` (may be given work) and `/metrics` (Prometheus text) for a program that has no HTTP
 * interface of its own.
 *
 * @throws KarmeshError `CONFIG_INVALID` when the address cannot be listened on.
 */
export const healthServer =
  ({ host = '127.0.0.1', port = 0 }: HealthServerOptions = {}) =>
  async ({ health, metrics }: HealthServerParts): Promise<HealthServer> => {
    const answer = async (path: string): Promise<{ status: number; type: string; body: string }> => {
      if (path === '/metrics') return { status: 200, type: metrics.contentType, body: await metrics.text() };
      if (path === '/healthz' || path === '/readyz') {
        const report = await health.report(path === '/healthz' ? 'live' : 'ready');
        return {
          status: report.ok ? 200 : unavailable,
          type: 'application/json',
          body: `${JSON.stringify(report)}\n`,
        };
      }
      return { status: 404, type: 'text/plain', body: 'Ask for /healthz, /readyz or /metrics.\n' };
    };
    const server = createServer({ requestTimeout: 5_000, headersTimeout: 5_000 }, (request, response) => {
      const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
      request.resume();
      answer(path).then(
        ({ status, type, body }) => response.writeHead(status, { 'content-type': type }).end(body),
        (cause: unknown) => response.writeHead(500).end(cause instanceof Error ? cause.message : String(cause)),
      );
    });
    server.maxConnections = 64;
    const address = await listen(server, { host, port });
    let closed: Promise<void> | undefined;
    const close = (): Promise<void> => {
      closed ??= new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
      return closed;
    };
    return { url: `http://${host.includes(':') ? `[${host}]` : host}:${address}`, close, [Symbol.asyncDispose]: close };
  };

function listen(server: Server, at: { readonly host: string; readonly port: number }): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      reject(new KarmeshError('CONFIG_INVALID', 'The health address cannot be listened on.', at, cause));
    });
    server.listen(at, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : at.port);
    });
  });
}
