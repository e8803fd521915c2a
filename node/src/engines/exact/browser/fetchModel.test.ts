import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hash } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { fetchModel } from './fetchModel.ts';

const FILE = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7) % 251);
const EXPECTED = { fileHash: hash(FILE), fileBytes: 300_000n };

async function serve(listener: RequestListener): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

test('fetches a model', async () => {
  await using server = await serve((_, response) => response.end(FILE));
  const pieces = await fetchModel(server.url, EXPECTED, { fetch });
  expect(Buffer.concat(pieces)).toEqual(Buffer.from(FILE));
});

test('an address that answers with an error is named with its status', async () => {
  await using server = await serve((_, response) => response.writeHead(404).end('Not here.'));
  await expect(fetchModel(server.url, EXPECTED, { fetch })).rejects.toMatchObject({
    code: 'PEER_UNREACHABLE',
    message: 'The model could not be fetched.',
    facts: { url: server.url, status: 404 },
  });
});

test('an address where nobody listens, and a connection that breaks, are told', async () => {
  let url = '';
  {
    await using server = await serve((_, response) => {
      response.writeHead(200, { 'content-length': FILE.length });
      response.write(FILE.subarray(0, 1000), () => response.destroy());
    });
    url = server.url;
    await expect(fetchModel(url, EXPECTED, { fetch })).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
  }
  await expect(fetchModel(url, EXPECTED, { fetch })).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
});

test('a model that is another one is read no further than it must', async () => {
  const closed = Promise.withResolvers<void>();
  await using server = await serve((_, response) => {
    response.on('close', () => closed.resolve());
    response.write(FILE);
    response.write(FILE);
  });
  await expect(fetchModel(server.url, EXPECTED, { fetch })).rejects.toMatchObject({ code: 'MODEL_INVALID' });
  // The answer never ends by itself.
  await closed.promise;
});

test('fetching ends by its signal, before an answer and in the middle of one', async () => {
  const stop = new AbortController();
  await using server = await serve((_, response) => {
    response.write(FILE.subarray(0, 1000));
  });
  const onProgress = (): void => stop.abort();
  await expect(fetchModel(server.url, EXPECTED, { fetch, signal: stop.signal, onProgress })).rejects.toMatchObject({
    code: 'ABORTED',
  });
  await expect(fetchModel(server.url, EXPECTED, { fetch, signal: stop.signal })).rejects.toMatchObject({
    code: 'ABORTED',
  });
});
