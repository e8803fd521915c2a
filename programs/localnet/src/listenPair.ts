import { once } from 'node:events';
import type { Server } from 'node:http';
import { KarmeshError } from '@karmesh/sdk/errors';
import { errnoOf } from '@karmesh/sdk/runtime';

export type ListenPairOptions = {
  readonly host: string;
  /** Of the first server; the second takes the next one. 0 finds a free pair. */
  readonly port: number;
};

/** Enough that only a machine without free ports fails. */
const attempts = 100;

/**
 * Listens with two servers on neighbouring ports, since Solana's clients look for the websocket one above the RPC. Returns the
 * first port.
 *
 * @throws KarmeshError `CONFIG_INVALID` when a port is taken.
 */
export async function listenPair(first: Server, second: Server, { host, port }: ListenPairOptions): Promise<number> {
  for (let attempt = 1; ; attempt += 1) {
    let found = port;
    try {
      found = await listen(first, host, port);
      await listen(second, host, found + 1);
      return found;
    } catch (cause) {
      if (first.listening) await close(first);
      if (port === 0 && attempt < attempts) continue;
      const facts = { host, port: found, websocketPort: found + 1, errno: errnoOf(cause) };
      throw new KarmeshError('CONFIG_INVALID', 'The RPC ports cannot be listened on; name another pair.', facts, cause);
    }
  }
}

/** Stops listening and ends every connection. */
export async function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}

async function listen(server: Server, host: string, port: number): Promise<number> {
  server.listen(port, host);
  await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : port;
}
