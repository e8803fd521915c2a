import { noise } from '@chainsafe/libp2p-noise';
import { yamux } from '@chainsafe/libp2p-yamux';
import { tcp } from '@libp2p/tcp';
import { createLibp2p } from 'libp2p';

// The far end of the bare echo: a libp2p host that sends back whatever comes.
const host = await createLibp2p({
  addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
});
await host.handle('/echo/1', (stream) => {
  stream.addEventListener('message', ({ data }) => {
    stream.send(data);
  });
  // A stream that stays half open counts against libp2p's limit of 32.
  stream.addEventListener('remoteCloseWrite', () => void stream.close());
});
process.send?.(host.getMultiaddrs().map(String)[0]);
