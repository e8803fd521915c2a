import { type Host, protocolIds } from '@karmesh/sdk/network';
import { fromHex, hash, toHex } from '@karmesh/sdk/protocol';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openHost } from './openHost.ts';

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

function body(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => index * 31);
}

const fetch = (wanted: Uint8Array, maxBytes = 1_000_000) =>
  client.fetchByHash({ peer: server.identity, hash: wanted, maxBytes }, patience);

test.each([0, 1, 65_535, 65_536, 65_537, 500_000])('a body of %i bytes comes whole', async (length) => {
  const bytes = body(length);
  await server.serveByHash(async (wanted) => (toHex(wanted) === toHex(hash(bytes)) ? bytes : undefined));
  expect(await fetch(hash(bytes))).toEqual(bytes);
});

test('several fetches run at once', async () => {
  const bodies = new Map([10, 100_000, 200_000].map((length) => [toHex(hash(body(length))), body(length)]));
  await server.serveByHash(async (wanted) => bodies.get(toHex(wanted)));
  const fetched = await Promise.all([...bodies.keys()].map((wanted) => fetch(fromHex(wanted))));
  expect(fetched).toEqual([...bodies.values()]);
});

test('what the peer does not have and what is over the limit are told apart', async () => {
  const bytes = body(1_000);
  await server.serveByHash(async (wanted) => (toHex(wanted) === toHex(hash(bytes)) ? bytes : undefined));
  const other = new Uint8Array(32).fill(1);
  await expect(fetch(other)).rejects.toMatchObject({ code: 'PEER_UNREACHABLE', facts: { hash: toHex(other) } });
  await expect(fetch(hash(bytes), 999)).rejects.toMatchObject({
    code: 'MESSAGE_TOO_LARGE',
    facts: { bytes: 1_000, maxBytes: 999 },
  });
  await expect(fetch(hash(bytes), 50_000_001)).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
});

describe('a peer that lies', () => {
  const wanted = hash(body(100_000));

  /** Answers any ask with these frames. */
  async function answer(frames: readonly Uint8Array[]): Promise<void> {
    await server.handle({
      protocol: protocolIds.fetch,
      maxStreams: 8,
      handler: async (stream) => {
        await stream.receive(patience);
        for (const frame of frames) await stream.send(frame);
      },
    });
  }
  const found = (bytes: number): Uint8Array =>
    Uint8Array.of(1, bytes & 0xff, (bytes >> 8) & 0xff, (bytes >> 16) & 0xff, bytes >> 24);

  test.each([
    ['sends another body', [found(10), body(10)], 'The body is not the one that was asked for.'],
    ['sends none', [found(0)], 'The body is not the one that was asked for.'],
    ['ends early', [found(100_000), body(65_536)], 'The body ended early.'],
    ['sends more than it said', [found(5), body(6)], 'A piece of the body has the wrong size.'],
    ['sends crumbs', [found(100_000), body(1)], 'A piece of the body has the wrong size.'],
    ['answers with noise', [Uint8Array.of(9, 9, 9)], 'The answer to a fetch is malformed.'],
    ['answers with nothing', [], 'The peer closed the stream without an answer.'],
  ])('and %s is found out', async (_name, frames, message) => {
    await answer(frames);
    await expect(fetch(wanted)).rejects.toMatchObject({ code: 'PROTOCOL_VIOLATION', message });
  });

  test('and claims more than was asked for gets no memory for it', async () => {
    await answer([found(2 ** 31 - 1), body(65_536)]);
    await expect(fetch(wanted)).rejects.toMatchObject({
      code: 'MESSAGE_TOO_LARGE',
      facts: { bytes: 2_147_483_647, maxBytes: 1_000_000 },
    });
  });

  test('and flips a bit in any piece is found out', async () => {
    const true_ = body(100_000);
    const flipped = true_.slice();
    flipped[70_000] = (flipped[70_000] ?? 0) ^ 1;
    await answer([found(100_000), flipped.subarray(0, 65_536), flipped.subarray(65_536)]);
    await expect(fetch(wanted)).rejects.toMatchObject({ message: 'The body is not the one that was asked for.' });
  });
});

test('a lookup that fails resets the stream and breaks nothing', async () => {
  const bytes = body(10);
  let broken = true;
  await server.serveByHash(async () => {
    if (broken) throw new Error('The disk is gone.');
    return bytes;
  });
  await expect(fetch(hash(bytes))).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
  broken = false;
  expect(await fetch(hash(bytes))).toEqual(bytes);
});
