import type { CreateHostOptions, Host } from '@karmesh/sdk/network';
import { toHex } from '@karmesh/sdk/protocol';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { echoProtocol, openHost, serveEcho } from './openHost.ts';

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

const start = async (options: Partial<CreateHostOptions> = {}): Promise<Host> => stack.use(await openHost(options));

/** Asks for an echo until somebody answers; the test's own limit ends it. */
async function echoed(host: Host, peer: Uint8Array): Promise<string> {
  for (;;) {
    try {
      const { signal } = new AbortController();
      await using stream = await host.openStream({ peer, protocol: echoProtocol }, { signal });
      await stream.send(new TextEncoder().encode('hello'));
      const answer = await stream.receive();
      await stream.close();
      return new TextDecoder().decode(answer);
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

test('a peer is dialled over a WebSocket, as a browser does', async () => {
  const there = await start({ listen: ['/ip4/127.0.0.1/tcp/0/ws'] });
  await serveEcho(there);
  const here = await start({ listen: [], bootstrap: there.addresses() });
  expect(there.addresses()).toEqual([expect.stringMatching(/^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/ws\/p2p\//)]);
  await expect(echoed(here, there.identity)).resolves.toBe('hello');
});

test('a peer that cannot be dialled is reached through one that relays', async () => {
  const relay = await start({ relay: true });
  const hidden = await start({ listen: ['/p2p-circuit'], bootstrap: relay.addresses() });
  await serveEcho(hidden);
  hidden.announce({ role: 'worker', participant: hidden.identity });
  const asking = await start({ listen: [], bootstrap: relay.addresses() });
  await expect(echoed(asking, hidden.identity)).resolves.toBe('hello');
  expect(hidden.addresses()).toEqual([`${relay.addresses()[0]}/p2p-circuit/p2p/${hidden.peerId}`]);
  const way = asking.peers().find(({ identity }) => toHex(identity) === toHex(hidden.identity));
  expect(way?.address).toContain('/p2p-circuit');
});

test('a peer that relays for nobody gives no way to a hidden one', async () => {
  const middle = await start();
  const hidden = await start({ listen: ['/p2p-circuit'], bootstrap: middle.addresses() });
  const asking = await start({ listen: [], bootstrap: middle.addresses() });
  await expect.poll(() => middle.peers().length, { timeout: 10_000 }).toBe(2);
  expect(hidden.addresses()).toEqual([]);
  const { signal } = new AbortController();
  await expect(asking.openStream({ peer: hidden.identity, protocol: echoProtocol }, { signal })).rejects.toMatchObject({
    code: 'PEER_UNREACHABLE',
  });
});

test('a peer that nobody announced is found by its id in the table', async () => {
  const middle = await start({ dht: true });
  const there = await start({ dht: true, bootstrap: middle.addresses() });
  await serveEcho(there);
  const here = await start({ dht: true, limits: { targetPeers: 1 }, bootstrap: middle.addresses() });
  expect(here.announcements()).toEqual([]);
  await expect(echoed(here, there.identity)).resolves.toBe('hello');
});

test('a list of bootstrap peers of which one lives is enough', async () => {
  const there = await start();
  await serveEcho(there);
  const dead = await Promise.all(Array.from({ length: 20 }, () => openHost()));
  const addresses = dead.flatMap((host) => host.addresses());
  await Promise.all(dead.map((host) => host[Symbol.asyncDispose]()));
  const here = await start({ bootstrap: [...addresses, ...there.addresses()] });
  await expect(echoed(here, there.identity)).resolves.toBe('hello');
});
