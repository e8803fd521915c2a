import { createHash } from 'node:crypto';
import { createConnection } from 'node:net';
import { noise } from '@chainsafe/libp2p-noise';
import { yamux } from '@chainsafe/libp2p-yamux';
import { generateKeyPair } from '@libp2p/crypto/keys';
import { identify } from '@libp2p/identify';
import type { Connection, Libp2p, Stream } from '@libp2p/interface';
import { ping } from '@libp2p/ping';
import { tcp } from '@libp2p/tcp';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { hash } from '../protocol/hash.ts';
import { generateKeypair } from '../runtime/keypair.ts';
import { encodeAnnouncement } from './announcement.ts';
import { askOnce } from './askOnce.ts';
import { createHost } from './createHost.ts';
import { frameStream } from './frameStream.ts';
import type { Host } from './host.ts';
import { encodePeers, peersFrameBytes } from './peerExchange.ts';
import { protocolIds, topics } from './protocolIds.ts';

const gossipProtocol = '/meshsub/1.2.0';
const domain = new Uint8Array(32).fill(7);
const body = new Uint8Array(10).fill(3);

let host: Host;
let checked: number;
const problems: unknown[] = [];
const note = (problem: unknown): void => void problems.push(problem);
beforeEach(async () => {
  problems.length = 0;
  process.on('unhandledRejection', note);
  process.on('uncaughtException', note);
  host = await createHost({ keypair: generateKeypair(), domain, localnet: true });
  checked = 0;
  host.subscribe(topics.batches, () => {
    checked += 1;
    return 'reject';
  });
  for (const protocol of [protocolIds.infer, protocolIds.audit]) {
    await host.handle({
      protocol,
      maxStreams: 16,
      handler: async (stream) => {
        for (let frame = await stream.receive(); frame !== undefined; frame = await stream.receive())
          await stream.send(frame);
      },
    });
  }
  await host.serveByHash(async () => body);
});
afterEach(async () => {
  await host[Symbol.asyncDispose]();
  process.off('unhandledRejection', note);
  process.off('uncaughtException', note);
  expect(problems).toEqual([]);
});

/** An honest peer still gets an answer. */
async function expectServed(): Promise<void> {
  await using honest = await createHost({
    keypair: generateKeypair(),
    domain,
    localnet: true,
    bootstrap: host.addresses(),
  });
  const signal = AbortSignal.timeout(20_000);
  expect(await honest.fetchByHash({ peer: host.identity, hash: hash(body), maxBytes: 10 }, { signal })).toEqual(body);
}

/** Bytes that look random and are the same in every run. */
function noiseBytes(seed: string, length: number): Uint8Array {
  const out = new Uint8Array(length);
  for (let at = 0, block = 0; at < length; at += 32, block += 1) {
    out.set(
      createHash('sha256')
        .update(`${seed}:${block}`)
        .digest()
        .subarray(0, Math.min(32, length - at)),
      at,
    );
  }
  return out;
}

async function rawPeer(keyType: 'Ed25519' | 'secp256k1' = 'Ed25519'): Promise<Libp2p> {
  return createLibp2p({
    privateKey: await generateKeyPair(keyType),
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux({ maxOutboundStreams: 20_000 })],
    services: { identify: identify(), ping: ping() },
    connectionMonitor: { enabled: false },
  });
}

/** A peer that speaks libp2p and answers beats, but says what it likes on every other protocol. */
async function withRawPeer(run: (connection: Connection, peer: Libp2p) => Promise<void>): Promise<void> {
  const peer = await rawPeer();
  try {
    const connection = await peer.dial(host.addresses().map((text) => multiaddr(text)));
    await run(connection, peer);
  } finally {
    await peer.stop();
  }
}

/** Writes until the other side resets or everything is handed over. */
function write(stream: Stream, chunks: readonly Uint8Array[]): void {
  for (const chunk of chunks) {
    if (stream.status !== 'open') return;
    stream.send(chunk);
  }
}

const closed = (stream: Stream): Promise<void> =>
  new Promise((resolve) => {
    if (stream.status !== 'open') resolve();
    stream.addEventListener('close', () => resolve());
  });

const everyProtocol = [...Object.values(protocolIds), '/ipfs/id/1.0.0', '/ipfs/ping/1.0.0', gossipProtocol];

test.each(everyProtocol)('random bytes on %s break nothing', async (protocol) => {
  await withRawPeer(async (connection) => {
    for (let round = 0; round < 8; round += 1) {
      if (connection.status !== 'open') break;
      const stream = await connection.newStream(protocol).catch(() => undefined);
      if (stream === undefined) break;
      write(stream, [noiseBytes(`${protocol}${round}a`, 1 + round * 700), noiseBytes(`${protocol}${round}b`, 100)]);
      await stream.close().catch(() => {});
    }
  });
  await expectServed();
});

test.each([protocolIds.infer, protocolIds.audit, protocolIds.fetch])(
  'a frame of 4 GiB is refused at its header on %s',
  async (protocol) => {
    await withRawPeer(async (connection) => {
      const stream = await connection.newStream(protocol);
      const end = closed(stream);
      stream.send(new Uint8Array(4).fill(255));
      await end;
      expect(stream.status).toBe('reset');
    });
    await expectServed();
  },
);

test('a beat of the wrong size and beats without end cost the connection', async () => {
  for (const chunks of [
    [Uint8Array.of(3, 0, 0, 0, 1, 2, 3)],
    Array.from({ length: 200 }, () => Uint8Array.of(8, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8)),
  ]) {
    await withRawPeer(async (connection) => {
      const gone = new Promise<void>((resolve) => connection.addEventListener('close', () => resolve()));
      const stream = await connection.newStream(protocolIds.alive);
      write(stream, chunks);
      await gone;
    });
  }
  await expectServed();
});

test('a peer that never beats is dropped', async () => {
  await withRawPeer(async (connection) => {
    await new Promise<void>((resolve) => connection.addEventListener('close', () => resolve()));
  });
  expect(host.peers()).toEqual([]);
}, 20_000);

test('gossip that is well formed and says nothing sensible reaches the topic’s check and is rejected there', async () => {
  await withRawPeer(async (connection) => {
    const stream = await connection.newStream(gossipProtocol);
    for (let index = 0; index < 12; index += 1) stream.send(rpc(topics.batches, noiseBytes(`message ${index}`, 64)));
    // An announcement of noise, an empty message, one on a topic that nobody knows, and one over the limit.
    stream.send(rpc(topics.announce, noiseBytes('announcement', 300)));
    stream.send(rpc(topics.batches, new Uint8Array(0)));
    stream.send(rpc('karmesh/unknown/1', noiseBytes('unknown', 64)));
    stream.send(rpc(topics.batches, noiseBytes('large', 17_000)));
    await expect.poll(() => checked, { timeout: 20_000 }).toBe(12);
  });
  await expectServed();
});

test('a gossip message of a size that no message has is not collected', async () => {
  await withRawPeer(async (connection) => {
    const stream = await connection.newStream(gossipProtocol);
    stream.send(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x0f));
    write(
      stream,
      Array.from({ length: 16 }, (_, index) => noiseBytes(`part ${index}`, 65_536)),
    );
    await stream.close().catch(() => {});
  });
  expect(checked).toBe(0);
  await expectServed();
});

test('a peer whose key is of another type is turned away', async () => {
  const peer = await rawPeer('secp256k1');
  try {
    const connection = await peer.dial(host.addresses().map((text) => multiaddr(text))).catch(() => undefined);
    if (connection !== undefined && connection.status === 'open') {
      await new Promise<void>((resolve) => connection.addEventListener('close', () => resolve()));
    }
    expect(host.peers()).toEqual([]);
  } finally {
    await peer.stop();
  }
});

test('random bytes instead of a handshake break nothing', async () => {
  const [address = ''] = host.addresses();
  const port = Number(/\/tcp\/(\d+)/.exec(address)?.[1]);
  for (let round = 0; round < 16; round += 1) {
    await new Promise<void>((resolve) => {
      const socket = createConnection({ host: '127.0.0.1', port }, () => {
        socket.end(noiseBytes(`handshake ${round}`, 1 + 300 * round));
      });
      socket.on('error', () => {});
      socket.on('close', () => resolve());
      socket.resume();
    });
  }
  await expectServed();
});

/** A gossipsub RPC with one message, length-prefixed: protobuf fields data (2) and topic (4) of message (2). */
function rpc(topic: string, data: Uint8Array): Uint8Array {
  const message = [...field(2, data), ...field(4, new TextEncoder().encode(topic))];
  const whole = field(2, Uint8Array.from(message));
  return Uint8Array.from([...varint(whole.length), ...whole]);
}
function field(number: number, bytes: Uint8Array): number[] {
  return [number * 8 + 2, ...varint(bytes.length), ...bytes];
}
function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
}

const told = {
  role: 'worker',
  participant: new Uint8Array(32),
  engineClass: new Uint8Array(32),
  models: [],
  multiaddrs: [],
  incarnation: 1n,
  sequence: 1n,
  health: undefined,
} as const;

/** An announcement whose signature has one bit turned. */
function forgedBy(signer: ReturnType<typeof generateKeypair>): Uint8Array {
  return encodeAnnouncement({ domain, signer }, told).map((byte, i, all) => (i === all.length - 1 ? byte ^ 1 : byte));
}

test('a peer that names others falsely is not believed, and one that answers garbage breaks nothing', async () => {
  const [honest, robbed] = [generateKeypair(), generateKeypair()];
  const good = encodeAnnouncement({ domain, signer: honest }, told);
  const forged = forgedBy(robbed);
  const old = encodeAnnouncement({ domain, signer: generateKeypair() }, told);
  const answers = [
    noiseBytes('peers', 500),
    encodePeers(
      [
        { ageMs: 0, announcement: forged },
        { ageMs: 50, announcement: good },
        { ageMs: 60_000, announcement: old },
        { ageMs: 0, announcement: noiseBytes('announcement', 200) },
      ],
      () => 0,
    ),
  ];
  for (const answer of answers) {
    const peer = await createLibp2p({
      addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      services: { identify: identify(), ping: ping() },
      connectionMonitor: { enabled: false },
    });
    const asked = Promise.withResolvers<void>();
    await peer.handle(protocolIds.alive, (stream: Stream) => {
      stream.addEventListener('message', ({ data }) => void stream.send(data));
    });
    await peer.handle(protocolIds.peers, async (stream: Stream) => {
      const frames = frameStream(
        { maxFrameBytes: peersFrameBytes, idleMs: 5_000 },
        { stream, remote: new Uint8Array(32) },
      );
      await frames.receive();
      await frames.send(answer);
      await frames.close();
      asked.resolve();
    });
    const heard = answer === answers[1] ? new Promise((resolve) => host.onAnnouncement(resolve)) : undefined;
    await host.connect(peer.getMultiaddrs().map(String), { signal: AbortSignal.timeout(20_000) });
    await asked.promise;
    await heard;
    await peer.stop();
  }
  expect(host.announcements().map(({ identity }) => identity)).toEqual([honest.publicKey]);
  await expectServed();
});

test('a peer that introduces itself falsely is told nothing and is not passed on', async () => {
  const liar = generateKeypair();
  const forged = forgedBy(liar);
  await using asker = await createHost({
    keypair: generateKeypair(),
    domain,
    localnet: true,
    bootstrap: host.addresses(),
  });
  for (const ask of [forged, noiseBytes('introduction', 300), new Uint8Array(peersFrameBytes)]) {
    const options = { peer: host.peerId, protocol: protocolIds.peers, maxFrameBytes: peersFrameBytes, ask };
    await expect(askOnce(asker, options, { signal: AbortSignal.timeout(20_000) })).rejects.toThrow();
  }
  expect(host.announcements().map(({ identity }) => identity)).not.toContainEqual(liar.publicKey);
  await expectServed();
});

test('a peer that opens ten thousand streams gets no more than its share, and nobody else waits for it', async () => {
  const protocol = '/karmesh/held/1';
  let open = 0;
  let most = 0;
  await host.handle({
    protocol,
    maxStreams: 64,
    maxStreamsPerPeer: 32,
    handler: async (stream) => {
      open += 1;
      most = Math.max(most, open);
      await stream.ended;
      open -= 1;
    },
  });
  await withRawPeer(async (connection) => {
    const signal = AbortSignal.timeout(20_000);
    const newStream = () => connection.newStream(protocol, { maxOutboundStreams: 20_000, signal });
    for (let i = 0; i < 40; i++) await newStream().catch(() => {});
    await expect.poll(() => open).toBe(32);
    await Promise.allSettled(Array.from({ length: 10_000 }, newStream));
    await expectServed();
  });
  expect(most).toBeLessThanOrEqual(32);
  await expect.poll(() => open).toBe(0);
  await expectServed();
});

test('connections that are opened and left alone are closed, and those who speak are served meanwhile', async () => {
  const [, port = ''] = /\/tcp\/(\d+)/.exec(host.addresses()[0] ?? '') ?? [];
  const sockets = Array.from({ length: 200 }, () => createConnection({ port: Number(port), host: '127.0.0.1' }));
  const closed = sockets.map(
    (socket) => new Promise<void>((resolve) => void socket.on('error', () => {}).once('close', () => resolve())),
  );
  await expectServed();
  for (const socket of sockets) socket.resume();
  await Promise.all(closed);
  await expectServed();
});
