import { once } from 'node:events';
import { afterEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { aborted, doneOf, type Play, testApp } from '../fixtures/testApp.ts';
import { type Listening, listen } from '../listen.ts';
import { socketAnswerSchema } from '../openai/socketMessages.ts';
import { hashApiKey } from '../store/apiKeys.ts';

const servers: Listening[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server[Symbol.asyncDispose]();
});

const hello = { model: 'tiny', messages: [{ role: 'user', content: 'Hi' }] };

/** A socket of a gateway, and its answers in order. */
async function connected(setting: Parameters<typeof testApp>[0] = {}, maxMessageBytes = 100_000) {
  const { app, asked, lines } = testApp(setting);
  const server = await listen({ app, host: '127.0.0.1', port: 0, limits: { maxMessageBytes } });
  servers.push(server);
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/v1/socket`);
  const answers: unknown[] = [];
  let wake = (): void => {};
  socket.on('message', (data) => {
    answers.push(socketAnswerSchema.parse(JSON.parse(data.toString())));
    wake();
  });
  await once(socket, 'open');
  const closed = once(socket, 'close').then(([code, reason]) => [code, String(reason)]);
  return {
    url: server.url,
    socket,
    asked,
    lines,
    closed,
    say: (message: unknown) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    async next() {
      while (answers.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      return answers.shift();
    },
  };
}

test('a key, a stream and a whole answer', async () => {
  const { say, next, asked } = await connected();
  say({ key: 'sk-good' });
  say({ id: '1', request: { ...hello, stream: true } });
  expect(await next()).toEqual({ ready: true });
  const chunks = [await next(), await next(), await next()];
  expect(chunks).toMatchObject([
    { id: '1', chunk: { choices: [{ delta: { role: 'assistant' } }] } },
    { id: '1', chunk: { choices: [{ delta: { content: 'Hello' } }] } },
    { id: '1', chunk: { choices: [{ finish_reason: 'stop' }], karmesh: { quorum: { verdict: 'agreed' } } } },
  ]);
  expect(await next()).toEqual({ id: '1', done: true });
  say({ id: '1', request: hello });
  expect(await next()).toMatchObject({ id: '1', completion: { choices: [{ message: { content: 'Hello' } }] } });
  expect(await next()).toEqual({ id: '1', done: true });
  expect(asked.length).toBe(2);
});

const waits: Play = async function* ({ index, signal }) {
  yield { kind: 'text', text: 'a', outputTokens: 1, usage: undefined };
  await aborted(signal);
  signal.throwIfAborted();
  yield doneOf(index);
};

test('a message cancels a request, and a client that leaves cancels all', async () => {
  const ended: number[] = [];
  const play: Play = async function* (run) {
    try {
      yield* waits(run);
    } finally {
      ended.push(run.index);
    }
  };
  const { say, next, socket } = await connected({ play });
  say({ key: 'sk-good' });
  await next();
  for (const id of ['a', 'b']) {
    say({ id, request: { ...hello, stream: true } });
    expect([await next(), await next()]).toMatchObject([
      { id },
      { id, chunk: { choices: [{ delta: { content: 'a' } }] } },
    ]);
  }
  say({ cancel: 'a' });
  expect(await next()).toMatchObject({ id: 'a', error: { code: 'request_cancelled' } });
  expect(ended).toEqual([0]);
  socket.terminate();
  await expect.poll(() => ended).toEqual([0, 1]);
});

test('faults of a request are told under its id, and the socket goes on', async () => {
  const { say, next, asked } = await connected();
  say({ key: 'sk-good' });
  await next();
  say({ id: 'a', request: { ...hello, model: 'none' } });
  expect(await next()).toMatchObject({ id: 'a', error: { code: 'model_not_found' } });
  say({ id: 'b', request: 7 });
  expect(await next()).toMatchObject({ id: 'b', error: { message: 'The body of the request must be a JSON object.' } });
  for (const wrong of [
    '{',
    '7',
    'null',
    '{}',
    { id: 7, request: hello },
    { id: '', request: hello },
    `${'['.repeat(9000)}`,
  ]) {
    say(wrong);
    expect(await next()).toMatchObject({ id: null, error: { type: 'invalid_request_error' } });
  }
  say({ id: 'c', request: hello });
  expect(await next()).toMatchObject({ id: 'c', completion: {} });
  expect(asked.length).toBe(1);
});

test('at most eight requests run on a socket, each with an id of its own', async () => {
  const { say, next } = await connected({ play: waits });
  say({ key: 'sk-good' });
  await next();
  for (let i = 0; i < 8; i++) {
    say({ id: `${i}`, request: { ...hello, stream: true } });
    await next();
    await next();
  }
  say({ id: '0', request: hello });
  expect(await next()).toMatchObject({ id: '0', error: { param: 'id' } });
  say({ id: '8', request: hello });
  expect(await next()).toMatchObject({ id: '8', error: { code: 'too_many_open_requests' } });
});

test.each([
  ['a wrong key', { key: 'sk-bad' }, 'Incorrect API key provided.'],
  ['no key', { id: '1', request: hello }, 'The first message must hold an API key.'],
])('%s closes the socket', async (_, message, reason) => {
  const { say, closed, asked } = await connected();
  say(message);
  expect(await closed).toEqual([1008, reason]);
  expect(asked).toEqual([]);
});

test('a message that is too large, or no text, closes the socket', async () => {
  const large = await connected({}, 1_000);
  large.say('x'.repeat(2_000));
  expect((await large.closed)[0]).toBe(1009);
  const binary = await connected();
  binary.socket.send(Buffer.from('{}'));
  expect(await binary.closed).toEqual([1003, 'Messages are text.']);
});

test('a revoked key is refused at its next request, and its socket is closed', async () => {
  const keys = new Set(['sk-good', 'sk-next', 'sk-other']);
  const hashOf = (key: string) => hashApiKey(key === 'sk-other' ? key : 'sk-good');
  const findKey = async (key: string) => (keys.has(key) ? { keyHash: hashOf(key), accountId: 1n } : undefined);
  const { say, next, closed, asked } = await connected({ parts: { findKey } });
  say({ key: 'sk-good' });
  expect(await next()).toEqual({ ready: true });
  keys.delete('sk-good');
  // A new secret of the same key takes its place.
  say({ key: 'sk-next' });
  expect(await next()).toEqual({ ready: true });
  say({ id: 'a', request: hello });
  expect([await next(), await next()]).toMatchObject([
    { id: 'a', completion: {} },
    { id: 'a', done: true },
  ]);
  keys.delete('sk-next');
  say({ id: 'b', request: hello });
  expect(await closed).toEqual([1008, 'The API key is not valid any more.']);
  expect(asked.length).toBe(1);
  const other = await connected({ parts: { findKey: async (key) => ({ keyHash: hashApiKey(key), accountId: 1n }) } });
  for (const key of ['sk-good', 'sk-other']) other.say({ key });
  expect(await other.closed).toEqual([1008, 'This socket has another API key already.']);
});

test('before its key a socket says little and waits; of many that say nothing the oldest is ended', async () => {
  const { say, closed } = await connected();
  say({ key: 'k'.repeat(5_000) });
  expect(await closed).toEqual([1008, 'The first message must hold an API key.']);

  const first = await connected({ options: { sockets: { maxNameless: 2, maxPerKey: 2, maxSockets: 4 } } });
  const more = async () => {
    const socket = new WebSocket(`${first.url.replace('http', 'ws')}/v1/socket`);
    const ended = once(socket, 'close').then(([code, reason]) => [code, String(reason)]);
    await once(socket, 'open');
    return { socket, ended };
  };
  const [second, third] = [await more(), await more()];
  expect((await first.closed)[0]).toBe(1006);
  for (const { socket } of [second, third]) {
    socket.send(JSON.stringify({ key: 'sk-good' }));
    await once(socket, 'message');
  }
  const fourth = await more();
  fourth.socket.send(JSON.stringify({ key: 'sk-good' }));
  expect(await fourth.ended).toEqual([1008, 'This API key has as many sockets open as it may.']);
  second.socket.close();
  await second.ended;
  const fifth = await more();
  fifth.socket.send(JSON.stringify({ key: 'sk-good' }));
  expect(JSON.parse(String((await once(fifth.socket, 'message'))[0]))).toEqual({ ready: true });
  const others = [await more(), await more()];
  const refused = new WebSocket(`${first.url.replace('http', 'ws')}/v1/socket`);
  const [error] = await once(refused, 'error');
  expect(String(error)).toContain('503');
  for (const { socket } of [third, fifth, ...others]) socket.terminate();
});

test('what comes while the key is looked up lies with the client', { timeout: 60_000 }, async () => {
  const found = Promise.withResolvers<void>();
  let lookups = 0;
  const { url, socket, say, next } = await connected(
    {
      parts: {
        async findKey(key) {
          lookups += 1;
          await found.promise;
          return { keyHash: hashApiKey(key), accountId: 1n };
        },
      },
      options: { maxBodyBytes: 4_000_000 },
    },
    4_000_000,
  );
  say({ key: 'sk-good' });
  await expect.poll(() => lookups, { timeout: 50_000 }).toBe(1);
  const large = { id: 'a', request: { ...hello, messages: [{ role: 'user', content: ' '.repeat(3_900_000) }] } };
  for (let i = 0; i < 8; i++) say({ ...large, id: `${i}` });
  // Time enough for a server that reads; the system's own buffers hold some of it.
  for (let i = 0; i < 50; i++) await (await fetch(`${url}/healthz`)).text();
  expect(socket.bufferedAmount).toBeGreaterThan(8_000_000);
  found.resolve();
  expect(await next()).toEqual({ ready: true });
  await expect.poll(() => socket.bufferedAmount, { timeout: 50_000 }).toBe(0);
});

test('without an upgrade it gets 426, and a client that offers HTTP/2 gets its answers in HTTP/1.1', async () => {
  const { url, socket } = await connected();
  const plain = await fetch(`${url}/v1/socket`);
  expect([plain.status, await plain.json()]).toMatchObject([426, { error: { code: 'upgrade_required' } }]);
  socket.terminate();
  const { request } = await import('node:http');
  const offered = request(`${url}/healthz`, { headers: { connection: 'Upgrade', upgrade: 'h2c' } });
  offered.end();
  const [response] = await once(offered, 'response');
  response.resume();
  expect(response.statusCode).toBe(200);
});
