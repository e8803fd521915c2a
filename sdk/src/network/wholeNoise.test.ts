import { Socket } from 'node:net';
import { noise } from '@chainsafe/libp2p-noise';
import { yamux } from '@chainsafe/libp2p-yamux';
import type { StreamMessageEvent } from '@libp2p/interface';
import { tcp } from '@libp2p/tcp';
import { createLibp2p, type Libp2p } from 'libp2p';
import { expect, test, vi } from 'vitest';
import { wholeNoise } from './wholeNoise.ts';

const PROTOCOL = '/echo/1';

function peer(encrypter: ReturnType<typeof noise>): Promise<Libp2p> {
  return createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [encrypter],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
  });
}

/** What comes back of `sent` from a peer that echoes, and how many writes of a lone length it took. */
async function echo(near: ReturnType<typeof noise>, far: ReturnType<typeof noise>, sent: Uint8Array) {
  const [one, other] = await Promise.all([peer(near), peer(far)]);
  const writes = vi.spyOn(Socket.prototype, 'write');
  try {
    await other.handle(PROTOCOL, (stream) => {
      stream.addEventListener('message', ({ data }: StreamMessageEvent) => void stream.send(data));
    });
    const stream = await one.dialProtocol(other.getMultiaddrs(), PROTOCOL);
    const { promise, resolve } = Promise.withResolvers<Uint8Array>();
    const back: Uint8Array[] = [];
    stream.addEventListener('message', ({ data }: StreamMessageEvent) => {
      back.push(data.subarray());
      const all = Buffer.concat(back);
      if (all.length === sent.length) resolve(new Uint8Array(all));
    });
    stream.send(sent);
    const came = await promise;
    const lone = writes.mock.calls.filter(([data]) => data.length === 2).length;
    return { came, lone, writes: writes.mock.calls.length };
  } finally {
    writes.mockRestore();
    await Promise.all([one.stop(), other.stop()]);
  }
}

test('a frame leaves in one write, with both sides alike or one of them plain noise', async () => {
  // More than one noise message of 65,519 bytes.
  const sent = new Uint8Array(150_000).map((_, i) => i % 251);
  const whole = await echo(wholeNoise(), wholeNoise(), sent);
  const mixed = await echo(wholeNoise(), noise(), sent);
  expect([whole.came, mixed.came]).toEqual([sent, sent]);
  expect(whole.writes).toBeGreaterThan(5);
  expect(whole.lone).toBe(0);
  // Otherwise noise has begun to do this itself, and the wrapper can go.
  expect(mixed.lone).toBeGreaterThan(5);
});
