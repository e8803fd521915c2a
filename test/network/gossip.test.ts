import { type CreateHostOptions, type GossipVerdict, type Host, topics } from '@karmesh/sdk/network';
import { toHex } from '@karmesh/sdk/protocol';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { nextEvent, openHost } from './openHost.ts';

const topic = topics.batches;

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

type Heard = { readonly host: Host; readonly texts: string[]; next(text: string): Promise<void> };

/** A host that joins the topic with a check and notes what reaches that check. */
async function listener(
  verdict: (text: string) => GossipVerdict | Promise<GossipVerdict> = () => 'accept',
  options: Partial<CreateHostOptions> = {},
): Promise<Heard> {
  const host = stack.use(await openHost(options));
  const texts: string[] = [];
  const wakes = new Set<() => void>();
  host.subscribe(topic, ({ data }) => {
    const text = new TextDecoder().decode(data);
    texts.push(text);
    for (const wake of wakes) wake();
    return verdict(text);
  });
  const next = async (text: string): Promise<void> => {
    while (!texts.includes(text)) {
      await new Promise<void>((resolve) => {
        wakes.add(resolve);
      });
    }
  };
  return { host, texts, next };
}

/** Connects two hosts and waits until each knows that the other takes part in the topic. */
async function join(a: Host, b: Host): Promise<void> {
  await a.connect(b.addresses(), { signal: AbortSignal.timeout(20_000) });
  await expect.poll(() => [knows(a, b), knows(b, a)], { timeout: 20_000 }).toEqual([true, true]);
}
function knows(a: Host, b: Host): boolean {
  return a.subscribers(topic).some((identity) => toHex(identity) === toHex(b.identity));
}

const say = (host: Host, text: string): Promise<number> => host.publish(topic, new TextEncoder().encode(text));

test('what was published before anybody listened reaches who comes later, when it is published again', async () => {
  const [early, late] = await Promise.all([listener(), listener()]);
  expect(await say(early.host, 'left by an earlier process')).toBe(0);
  await join(early.host, late.host);
  const heard = late.next('left by an earlier process');
  await expect.poll(() => say(early.host, 'left by an earlier process'), { timeout: 20_000 }).toBe(1);
  await heard;
});

describe('in a line of three', () => {
  async function line(middle: (text: string) => GossipVerdict | Promise<GossipVerdict>) {
    const [first, second, third] = await Promise.all([listener(), listener(middle), listener()]);
    await join(first.host, second.host);
    await join(second.host, third.host);
    return { first, second, third };
  }

  test('what is accepted in the middle reaches the end, with who handed it on', async () => {
    const { first, second, third } = await line(() => 'accept');
    expect(await say(first.host, 'hello')).toBe(1);
    await third.next('hello');
    expect([first.texts, second.texts, third.texts]).toEqual([[], ['hello'], ['hello']]);
  });

  test.each(['ignore', 'reject'] as const)('what the middle says %s to goes no further', async (verdict) => {
    const { first, second, third } = await line((text) => (text === 'bad' ? verdict : 'accept'));
    await say(first.host, 'bad');
    await second.next('bad');
    // What was said later took the same way, so the first message would have come before it.
    await say(first.host, 'good');
    await third.next('good');
    expect(third.texts).toEqual(['good']);
  });

  test('a check that throws or takes too long ignores', async () => {
    const { first, second, third } = await line((text) => {
      if (text === 'throws') throw new Error('Our own fault.');
      return text === 'hangs' ? new Promise(() => {}) : 'accept';
    });
    await say(first.host, 'throws');
    await say(first.host, 'hangs');
    await second.next('hangs');
    await say(first.host, 'good');
    await third.next('good');
    expect(third.texts).toEqual(['good']);
    expect(second.host.peers().length).toBe(2);
  });
});

test('said twice, a message arrives once', async () => {
  const [first, second] = await Promise.all([listener(), listener()]);
  await join(first.host, second.host);
  await say(first.host, 'once');
  await say(first.host, 'once');
  await say(first.host, 'after');
  await second.next('after');
  expect(second.texts).toEqual(['once', 'after']);
});

test('rejects cost a peer its connection, ignores do not', async () => {
  const [first, second] = await Promise.all([
    listener(),
    listener((text) => (text.startsWith('bad') ? 'reject' : 'ignore')),
  ]);
  await join(first.host, second.host);
  for (let index = 0; index < 40; index += 1) await say(first.host, `dull ${index}`);
  await second.next('dull 39');
  expect(second.host.peers().length).toBe(1);
  const lost = nextEvent(second.host, 'lost');
  for (let index = 0; index < 40; index += 1) await say(first.host, `bad ${index}`);
  expect((await lost).event).toEqual({
    kind: 'lost',
    identity: first.host.identity,
    reason: 'The peer sent too many invalid messages.',
    code: 'PROTOCOL_VIOLATION',
  });
  // The ban outlives the connection.
  await expect(
    first.host
      .connect(second.host.addresses(), { signal: AbortSignal.timeout(20_000) })
      .then(() => nextEvent(first.host, 'lost')),
  ).resolves.toMatchObject({ event: { kind: 'lost' } });
});

test('what comes faster than the limit reaches no check', async () => {
  const limits = { gossipPerSecond: 0.001, gossipBurst: 5 };
  const [first, second] = await Promise.all([listener(), listener(() => 'accept', { limits })]);
  await join(first.host, second.host);
  const third = await listener();
  await join(third.host, second.host);
  for (let index = 0; index < 20; index += 1) await say(first.host, `flood ${index}`);
  // Another peer has its own limit, so its message marks the end of what the flood could reach.
  await expect
    .poll(
      async () => {
        await say(third.host, 'mark');
        return second.texts.includes('mark');
      },
      { timeout: 20_000 },
    )
    .toBe(true);
  expect(second.texts.filter((text) => text.startsWith('flood')).length).toBeLessThanOrEqual(5);
});

test('our own mistakes are named', async () => {
  const { host } = await listener();
  await expect(host.publish('karmesh/other/1', Uint8Array.of(1))).rejects.toMatchObject({
    code: 'BAD_ARGUMENT',
    facts: { topic: 'karmesh/other/1' },
  });
  expect(() => host.subscribe('karmesh/other/1', () => 'accept')).toThrowError(
    expect.objectContaining({ code: 'BAD_ARGUMENT' }),
  );
  expect(() => host.subscribe(topic, () => 'accept')).toThrowError(expect.objectContaining({ code: 'BAD_ARGUMENT' }));
  await expect(host.publish(topic, new Uint8Array(16_385))).rejects.toMatchObject({
    code: 'MESSAGE_TOO_LARGE',
    facts: { topic, bytes: 16_385, maxGossipBytes: 16_384 },
  });
});
