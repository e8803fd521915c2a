import { KarmeshError } from '@karmesh/sdk/errors';
import type { FrameStream } from '@karmesh/sdk/network';
import { expect, test } from 'vitest';
import { streamPair } from './fixtures/streamPair.ts';
import { spareStreams } from './spareStreams.ts';

const me = new Uint8Array(32).fill(1);
const workerA = new Uint8Array(32).fill(2);
const workerB = new Uint8Array(32).fill(3);
const signalled = { signal: new AbortController().signal };
const settle = () => new Promise(setImmediate);

/** A network in memory that counts what is opened, and spares on a clock that the test moves. */
function spared({ maxSpares = 8 } = {}) {
  const opened: { readonly peer: unknown; readonly far: FrameStream }[] = [];
  const alarms = new Set<() => void>();
  const state = { isDown: false };
  const streams = spareStreams({ maxIdleMs: 5000, maxSpares })({
    clock: {
      nowMs: () => 0,
      alarm(ms, ring) {
        expect(ms).toBe(5000);
        alarms.add(ring);
        return () => alarms.delete(ring);
      },
    },
    network: {
      async openStream({ peer }) {
        if (state.isDown) throw new KarmeshError('PEER_UNREACHABLE', 'It is down.');
        const { near, far } = streamPair({ near: me, far: typeof peer === 'string' ? me : peer });
        opened.push({ peer, far });
        return near;
      },
    },
  });
  const open = (peer: Uint8Array) => streams.openStream({ peer, protocol: '/test/1' }, signalled);
  /** Uses a stream to its clean end. */
  const use = async (peer: Uint8Array): Promise<FrameStream> => {
    const stream = await open(peer);
    const far = opened.findLast(({ far: { remote } }) => remote === me && stream.remote === peer)?.far;
    await stream.close();
    await far?.close();
    await settle();
    return stream;
  };
  return { streams, opened, alarms, state, open, use };
}

test('after a stream has ended the next to the same peer is ready, and to no other', async () => {
  const { opened, open, use, alarms } = spared();
  await use(workerA);
  expect(opened.map(({ peer }) => peer)).toEqual([workerA, workerA]);
  const next = await open(workerA);
  expect(next.remote).toBe(workerA);
  expect(opened).toHaveLength(2);
  expect(alarms.size).toBe(0);
  await open(workerB);
  await open(workerA);
  expect(opened.map(({ peer }) => peer)).toEqual([workerA, workerA, workerB, workerA]);
});

test('a spare that nobody used in time is let go of', async () => {
  const { opened, open, use, alarms } = spared();
  await use(workerA);
  for (const ring of alarms) ring();
  await settle();
  expect(opened[1]?.far.signal.aborted).toBe(true);
  await open(workerA);
  expect(opened).toHaveLength(3);
});

test('a spare that was lost is not used, nor opened again', async () => {
  const { opened, open, use, alarms } = spared();
  await use(workerA);
  opened[1]?.far.abort(new Error('lost'));
  await settle();
  expect([opened.length, alarms.size]).toEqual([2, 0]);
  expect((await open(workerA)).signal.aborted).toBe(false);
  expect(opened).toHaveLength(3);
});

test('a stream that was lost is followed by no spare', async () => {
  const { opened, open } = spared();
  await open(workerA);
  opened[0]?.far.abort(new Error('lost'));
  await settle();
  expect(opened).toHaveLength(1);
});

test('a spare that cannot be opened is nobody’s failure', async () => {
  const { opened, state, open, use } = spared();
  const stream = await open(workerA);
  state.isDown = true;
  await stream.close();
  await opened[0]?.far.close();
  await settle();
  await expect(use(workerA)).rejects.toThrow('It is down.');
});

test('there are never more spares than may be, and none once it is disposed', async () => {
  const { streams, opened, alarms, use } = spared({ maxSpares: 1 });
  await use(workerA);
  await use(workerB);
  expect(alarms.size).toBe(1);
  await streams[Symbol.asyncDispose]();
  expect(alarms.size).toBe(0);
  expect(opened.filter(({ far }) => far.signal.aborted)).toHaveLength(1);
  await use(workerA);
  expect(alarms.size).toBe(0);
});
