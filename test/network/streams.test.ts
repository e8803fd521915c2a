import type { FrameStream, Host } from '@karmesh/sdk/network';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { echoProtocol, openHost, serveEcho } from './openHost.ts';

const patience = {
  get signal() {
    return AbortSignal.timeout(20_000);
  },
};

let server: Host;
let client: Host;
beforeEach(async () => {
  [server, client] = await Promise.all([openHost(), openHost()]);
  await client.connect(server.addresses(), patience);
});
afterEach(async () => {
  await Promise.all([server[Symbol.asyncDispose](), client[Symbol.asyncDispose]()]);
});

/** Serves one protocol and hands out the server's end of each stream. */
async function accept(
  options: Partial<Parameters<Host['handle']>[0]> = {},
): Promise<{ next(): Promise<FrameStream>; over(): void }> {
  const arrived: FrameStream[] = [];
  const over = Promise.withResolvers<void>();
  let wake: (() => void) | undefined;
  await server.handle({
    protocol: echoProtocol,
    maxStreams: 8,
    handler: async (stream) => {
      arrived.push(stream);
      wake?.();
      await over.promise;
    },
    ...options,
  });
  return {
    next: async () => {
      while (arrived.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      const stream = arrived.shift();
      if (stream === undefined) throw new Error('No stream arrived.');
      return stream;
    },
    over: over.resolve,
  };
}

const open = (options: { readonly maxFrameBytes?: number; readonly idleMs?: number } = {}) =>
  client.openStream({ peer: server.identity, protocol: echoProtocol, ...options }, patience);

describe('frames', () => {
  test('arrive whole, in order and from a proven identity, up to the limit', async () => {
    const { next, over } = await accept({ maxFrameBytes: 200_000 });
    await using out = await open({ maxFrameBytes: 200_000 });
    const into = await next();
    expect([into.remote, out.remote]).toEqual([client.identity, server.identity]);
    const frames = [1, 2, 65_536, 200_000].map((length, index) => new Uint8Array(length).fill(index + 1));
    const sent = Promise.all(frames.map((frame) => out.send(frame)));
    for (const frame of frames) expect(await into.receive(patience)).toEqual(frame);
    await sent;
    await out.close();
    expect(await into.receive(patience)).toBeUndefined();
    await into.send(Uint8Array.of(9));
    over();
    expect(await out.receive(patience)).toEqual(Uint8Array.of(9));
    expect(await out.receive(patience)).toBeUndefined();
  });

  test('over the limit are refused here, and by the other side when its limit is lower', async () => {
    const { next } = await accept({ maxFrameBytes: 1_000 });
    const out = await open({ maxFrameBytes: 100_000 });
    const into = await next();
    await expect(out.send(new Uint8Array(100_001))).rejects.toMatchObject({
      code: 'MESSAGE_TOO_LARGE',
      facts: { bytes: 100_001, maxFrameBytes: 100_000 },
    });
    await expect(out.send(new Uint8Array(0))).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE' });
    await out.send(new Uint8Array(1_001));
    await expect(into.receive(patience)).rejects.toMatchObject({
      code: 'MESSAGE_TOO_LARGE',
      facts: { bytes: 1_001, maxFrameBytes: 1_000 },
    });
    await expect(out.receive(patience)).rejects.toMatchObject({
      code: 'PEER_UNREACHABLE',
      message: 'The peer reset the stream.',
    });
    expect(out.signal.aborted).toBe(true);
  });
});

describe('a slow reader', () => {
  test('slows its sender, whose frames wait here and not in its memory', async () => {
    const { next } = await accept();
    await using out = await open();
    const into = await next();
    const frame = new Uint8Array(65_536);
    let sent = 0;
    const stop = new AbortController();
    const flood = (async () => {
      for (;;) {
        await out.send(frame, { signal: stop.signal });
        sent += 1;
      }
    })();
    flood.catch(() => {});
    // Reading one frame proves that the flood runs; a beat there and back later it stands still.
    await into.receive(patience);
    let before = -1;
    while (before !== sent) {
      before = sent;
      await Promise.all(Array.from({ length: 20 }, () => roundTrip()));
    }
    // A window of at most 1 MiB, what both sides hold beside it, and the frame that waits.
    expect(sent * frame.length).toBeLessThanOrEqual(2 * 1_048_576);
    for (let read = 0; read < 64; read += 1) expect((await into.receive(patience))?.length).toBe(65_536);
    await roundTrip();
    expect(sent).toBeGreaterThan(before);
    stop.abort();
    await expect(flood).rejects.toMatchObject({ code: 'ABORTED' });
    // Half a frame may be under way, so nothing can follow it.
    await expect(out.send(Uint8Array.of(1))).rejects.toMatchObject({ code: 'ABORTED' });
  });

  /** Something over the same connection, after which all that was sent before it has arrived. */
  async function roundTrip(): Promise<void> {
    await client
      .fetchByHash({ peer: server.identity, hash: new Uint8Array(32), maxBytes: 1 }, patience)
      .catch(() => {});
  }
  beforeEach(() => server.serveByHash(async () => undefined));

  test('that never reads costs its sender no more than the idle limit', async () => {
    await accept();
    const out = await open({ idleMs: 300 });
    const flood = (async () => {
      for (;;) await out.send(new Uint8Array(65_536));
    })();
    await expect(flood).rejects.toMatchObject({
      code: 'PEER_UNREACHABLE',
      message: 'The peer was silent for too long.',
      facts: { protocol: echoProtocol, waitedMs: 300, doing: 'send' },
    });
  });
});

describe('ends', () => {
  test('a handler that throws resets the stream', async () => {
    await server.handle({
      protocol: echoProtocol,
      maxStreams: 1,
      handler: () => Promise.reject(new Error('no')),
    });
    const out = await open();
    await expect(out.receive(patience)).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
  });

  test('a caller that gives up waiting, or before anything was sent, keeps its stream', async () => {
    await serveEcho(server);
    const out = await open();
    const given = new AbortController();
    const waiting = out.receive({ signal: given.signal });
    given.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'ABORTED' });
    await out.send(Uint8Array.of(1));
    expect(await out.receive(patience)).toEqual(Uint8Array.of(1));
    await expect(out.send(Uint8Array.of(2), { signal: given.signal })).rejects.toMatchObject({ code: 'ABORTED' });
    await out.send(Uint8Array.of(3));
    expect(await out.receive(patience)).toEqual(Uint8Array.of(3));
    await out.close();
    expect(await out.receive(patience)).toBeUndefined();
  });

  test('a disposed stream stops the other side’s work', async () => {
    const { next } = await accept();
    const out = await open();
    const into = await next();
    const stopped = new Promise((resolve) => into.signal.addEventListener('abort', resolve, { once: true }));
    await out[Symbol.asyncDispose]();
    await stopped;
    await expect(into.receive(patience)).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
  });

  test('a stream on which nothing moves is given up', async () => {
    await accept();
    const out = await open({ idleMs: 50 });
    await expect(out.receive()).rejects.toMatchObject({
      code: 'PEER_UNREACHABLE',
      facts: { protocol: echoProtocol, waitedMs: 50, doing: 'receive' },
    });
  });

  test('two receivers at once are a mistake of ours', async () => {
    await serveEcho(server);
    await using out = await open();
    const first = out.receive();
    await expect(out.receive()).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
    await out.send(Uint8Array.of(1));
    expect(await first).toEqual(Uint8Array.of(1));
  });
});

describe('limits', () => {
  test('a peer with too many streams is refused one more until one ends', async () => {
    const { next } = await accept({ maxStreams: 4, maxStreamsPerPeer: 2 });
    const first = await open();
    await next();
    await open();
    await next();
    const third = await open();
    await expect(third.receive(patience)).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
    first.abort(new Error('done'));
    expect(first.signal.aborted).toBe(true);
  });

  test('streams of one protocol are bounded over all peers', async () => {
    const { next } = await accept({ maxStreams: 1 });
    await open();
    await next();
    await using other = await openHost({ bootstrap: server.addresses() });
    const late = await other.openStream({ peer: server.identity, protocol: echoProtocol }, patience);
    await expect(late.receive(patience)).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
  });
});

describe('opening', () => {
  test('a peer that nobody knows, a protocol that it does not speak and a malformed name have clear errors', async () => {
    await using stranger = await openHost();
    await expect(
      client.openStream({ peer: stranger.identity, protocol: echoProtocol }, patience),
    ).rejects.toMatchObject({
      code: 'PEER_UNREACHABLE',
      message: 'No address of this peer is known.',
      facts: { peer: stranger.peerId },
    });
    await expect(
      client.openStream({ peer: server.peerId, protocol: '/karmesh/none/1' }, patience),
    ).rejects.toMatchObject({
      code: 'PEER_UNREACHABLE',
      facts: { peer: server.peerId, protocol: '/karmesh/none/1' },
    });
    for (const peer of [new Uint8Array(31), 'nobody', 'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N']) {
      await expect(client.openStream({ peer, protocol: echoProtocol }, patience)).rejects.toMatchObject({
        code: 'BAD_ARGUMENT',
      });
    }
  });

  test('a signal that is aborted already opens nothing', async () => {
    const reason = AbortSignal.abort();
    await expect(
      client.openStream({ peer: server.identity, protocol: echoProtocol }, { signal: reason }),
    ).rejects.toMatchObject({
      code: 'ABORTED',
    });
  });

  test('an address that cannot be listened on, and one that is none, are configuration errors', async () => {
    const [taken = ''] = server.addresses();
    await expect(openHost({ listen: [taken.replace(/\/p2p\/.*$/, '')] })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
    await expect(openHost({ listen: ['127.0.0.1:80'] })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      facts: { listen: '127.0.0.1:80' },
    });
  });
});
