import { noise } from '@chainsafe/libp2p-noise';
import { yamux } from '@chainsafe/libp2p-yamux';
import { serve } from '@hono/node-server';
import { tcp } from '@libp2p/tcp';
import { multiaddr } from '@multiformats/multiaddr';
import { Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import { createLibp2p } from 'libp2p';

// The near end of the bare echo: an HTTP route that asks a libp2p peer and streams its first answer back, with nothing in between.
const [peer = ''] = process.argv.slice(2);
const host = await createLibp2p({ transports: [tcp()], connectionEncrypters: [noise()], streamMuxers: [yamux()] });
const address = multiaddr(peer);
await host.dial(address);
const app = new Hono().post('/echo', async (context) => {
  const body = new Uint8Array(await context.req.arrayBuffer());
  return streamSSE(context, async (sse) => {
    const stream = await host.dialProtocol(address, '/echo/1');
    const echoed = new Promise<number>((resolve) => {
      stream.addEventListener('message', ({ data }) => resolve(data.byteLength), { once: true });
    });
    stream.send(body);
    await sse.writeSSE({ data: String(await echoed) });
    await stream.close();
  });
});
const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) => {
  process.send?.(`http://127.0.0.1:${port}/echo`);
});
server.unref();
process.channel?.ref();
