import { afterEach, beforeEach, expect, test } from 'vitest';
import { equalBytes } from '../protocol/bytes.ts';
import { encode, u8, u32 } from '../protocol/codec.ts';
import { hash } from '../protocol/hash.ts';
import { generateKeypair } from '../runtime/keypair.ts';
import { askOnce } from './askOnce.ts';
import { type CreateHostOptions, createHost } from './createHost.ts';
import type { Host, PeerEvent } from './host.ts';
import { maxMessageBytes } from './limits.ts';
import { protocolIds } from './protocolIds.ts';

const domain = new Uint8Array(32).fill(7);
const body = new Uint8Array(10).fill(3);
const bonded = generateKeypair();
const signal = AbortSignal.timeout(100_000);

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

const start = async (options: Partial<CreateHostOptions> = {}): Promise<Host> =>
  stack.use(await createHost({ keypair: generateKeypair(), domain, localnet: true, ...options }));

/** A host whose clock stands still, so that no ask is forgotten. It knows one bonded participant. */
const startServer = (): Promise<Host> =>
  start({ now: () => 1_000_000, isBonded: (identity) => equalBytes(identity, bonded.publicKey) });

/** A peer that the server has dialled, so that it asks nothing but what the test makes it ask. */
async function startAsker(server: Host, options: Partial<CreateHostOptions> = {}): Promise<Host> {
  const asker = await start(options);
  const connected = new Promise<void>((resolve) => {
    asker.onPeer(({ kind }) => {
      if (kind === 'connected') resolve();
    });
  });
  await server.connect(asker.addresses(), { signal });
  await connected;
  return asker;
}

/** How many of so many asks, one after the other, got an answer. */
async function answered(times: number, ask: () => Promise<unknown>): Promise<number> {
  let count = 0;
  for (let i = 0; i < times; i += 1) {
    await ask().then(
      (answer) => {
        if (answer !== undefined) count += 1;
      },
      () => undefined,
    );
  }
  return count;
}

const fetchFrom = (asker: Host, server: Host) => () =>
  asker.fetchByHash({ peer: server.identity, hash: hash(body), maxBytes: 10 }, { signal });

test('N-12: a stranger gets a hundred bodies a minute; who asks on is parted with and turned away', async () => {
  const server = await startServer();
  await server.serveByHash(async () => body);
  const stranger = await startAsker(server);
  const lost = new Promise<PeerEvent>((resolve) => {
    server.onPeer((event) => {
      if (event.kind === 'lost' && equalBytes(event.identity, stranger.identity)) resolve(event);
    });
  });
  expect(await answered(116, fetchFrom(stranger, server))).toBe(100);
  await fetchFrom(stranger, server)().catch(() => undefined);
  expect(await lost).toMatchObject({ code: 'PROTOCOL_VIOLATION' });
  await expect(stranger.connect(server.addresses(), { signal }).then(fetchFrom(stranger, server))).rejects.toThrow();
  // All that costs nobody else anything.
  const other = await startAsker(server);
  expect(await answered(1, fetchFrom(other, server))).toBe(1);
});

test('N-12: all that a stranger asks counts together, whatever the protocol', async () => {
  const server = await startServer();
  await server.serveByHash(async () => body);
  const stranger = await startAsker(server);
  expect(await answered(99, fetchFrom(stranger, server))).toBe(99);
  const peers = () =>
    askOnce(
      stranger,
      { peer: server.identity, protocol: protocolIds.peers, maxFrameBytes: 262_144, ask: Uint8Array.of(0) },
      { signal },
    );
  expect([await answered(1, peers), await answered(1, fetchFrom(stranger, server)), await answered(1, peers)]).toEqual([
    1, 0, 0,
  ]);
});

test('N-12: a validator that catches up gets all its bodies', async () => {
  const server = await startServer();
  await server.serveByHash(async () => body);
  const validator = await startAsker(server, { keypair: bonded });
  expect(await answered(300, fetchFrom(validator, server))).toBe(300);
});

test('N-12: asks with a ticket are not counted, those without one are, and those that come after a hundred of them get no word', async () => {
  const server = await startServer();
  await server.handle({
    protocol: protocolIds.infer,
    maxStreams: 16,
    ticketed: true,
    async handler(stream, ask) {
      const frame = await stream.receive();
      if (frame?.[0] === 0) ask.count();
      if (frame !== undefined) await stream.send(frame);
    },
  });
  const gateway = await startAsker(server);
  const dispatch = (ticket: number) => () =>
    askOnce(gateway, { peer: server.identity, protocol: protocolIds.infer, ask: Uint8Array.of(ticket) }, { signal });
  expect(await answered(150, dispatch(1))).toBe(150);
  expect(await answered(100, dispatch(0))).toBe(100);
  expect([await answered(1, dispatch(0)), await answered(1, dispatch(1))]).toEqual([0, 0]);
});

test('a body that claims to be over 50 MB is refused at its head', async () => {
  const server = await startServer();
  const liar = await startAsker(server);
  await liar.handle({
    protocol: protocolIds.fetch,
    maxStreams: 1,
    async handler(stream) {
      await stream.receive();
      await stream.send(Uint8Array.of(...encode(u8, 1), ...encode(u32, maxMessageBytes + 1)));
    },
  });
  await expect(
    server.fetchByHash({ peer: liar.identity, hash: hash(body), maxBytes: maxMessageBytes }, { signal }),
  ).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE', facts: { bytes: maxMessageBytes + 1 } });
  await expect(
    server.fetchByHash({ peer: liar.identity, hash: hash(body), maxBytes: maxMessageBytes + 1 }, { signal }),
  ).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
});
