import { generateKeypair } from '@karmesh/sdk/runtime';
import { describe, expect, test } from 'vitest';
import { echoProtocol, nextEvent, openHost } from './openHost.ts';
import { spawnPeer } from './spawnPeer.ts';

/** The lease is two seconds; this only tells it from TCP, which would take minutes, on however busy a machine. */
const noticedWithinMs = 30_000;

const patience = (): AbortSignal => AbortSignal.timeout(20_000);

describe.each(['we dialled', 'the peer dialled'] as const)('a connection that %s', (who) => {
  async function connected() {
    const host = await openHost();
    const arrival = nextEvent(host, 'connected');
    const peer = await spawnPeer({ bootstrap: who === 'the peer dialled' ? host.addresses() : [] });
    if (who === 'we dialled') await host.connect(peer.addresses, { signal: patience() });
    expect((await arrival).event.identity).toEqual(peer.identity);
    // A beat there and back shows that both sides keep the lease before the peer goes silent.
    const stream = await host.openStream({ peer: peer.identity, protocol: echoProtocol }, { signal: patience() });
    await stream.send(Uint8Array.of(1));
    expect(await stream.receive({ signal: patience() })).toEqual(Uint8Array.of(1));
    return { host, peer, stream };
  }

  test('is lost within two seconds of the peer’s death', async () => {
    const { host, peer, stream } = await connected();
    await using _host = host;
    await using _peer = peer;
    const lost = nextEvent(host, 'lost');
    const killedMs = performance.now();
    await peer.kill();
    const { event, atMs } = await lost;
    expect(event.identity).toEqual(peer.identity);
    expect(atMs - killedMs).toBeLessThan(noticedWithinMs);
    expect(stream.signal.aborted).toBe(true);
    await expect(stream.receive()).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
    expect(host.peers()).toEqual([]);
  });

  test('is dropped within two seconds of the peer’s freezing, and comes back when the peer does', async () => {
    const { host, peer, stream } = await connected();
    await using _host = host;
    await using _peer = peer;
    const lost = nextEvent(host, 'lost');
    const frozenMs = performance.now();
    peer.freeze();
    const { event, atMs } = await lost;
    // TCP says nothing of a frozen process, so this can only be the lease.
    expect(event).toEqual({
      kind: 'lost',
      identity: peer.identity,
      reason: 'The peer is silent.',
      code: 'PEER_UNREACHABLE',
    });
    expect(atMs - frozenMs).toBeLessThan(noticedWithinMs);
    await expect(stream.receive()).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });

    const back = nextEvent(host, 'connected');
    peer.thaw();
    if (who === 'we dialled') await host.connect(peer.addresses, { signal: patience() });
    expect((await back).event.identity).toEqual(peer.identity);
  });
});

test('a bootstrap peer that comes back at its address is dialled again', async () => {
  const keypair = generateKeypair();
  const first = await spawnPeer({ keypair });
  const [address = ''] = first.addresses;
  await using host = await openHost({ bootstrap: [address] });
  if (host.peers().length === 0) await nextEvent(host, 'connected');
  const lost = nextEvent(host, 'lost');
  await first.kill();
  await lost;
  const back = nextEvent(host, 'connected');
  await using second = await spawnPeer({ keypair, listen: address.replace(/\/p2p\/.*$/, '') });
  expect((await back).event.identity).toEqual(second.identity);
});

test('a bootstrap peer that starts later is found', async () => {
  const keypair = generateKeypair();
  const early = await spawnPeer({ keypair });
  const [address = ''] = early.addresses;
  await early.kill();
  await using host = await openHost({ bootstrap: [address] });
  const arrival = nextEvent(host, 'connected');
  await using late = await spawnPeer({ keypair, listen: address.replace(/\/p2p\/.*$/, '') });
  expect((await arrival).event.identity).toEqual(late.identity);
});
