import { once } from 'node:events';
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { aborted, doneOf, type Play, testApp } from './fixtures/testApp.ts';
import { type ConnectionLimits, type Listening, listen } from './listen.ts';
import { onBodyEnd } from './openai/onBodyEnd.ts';
import { readBody } from './openai/readBody.ts';

// What hostile and broken clients send, over real sockets.

const servers: Listening[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server[Symbol.asyncDispose]();
});

async function serve(setting: Parameters<typeof testApp>[0] = {}, limits: Partial<ConnectionLimits> = {}) {
  const { app, asked } = testApp(setting);
  const server = await listen({ app, host: '127.0.0.1', port: 0, limits });
  servers.push(server);
  return { url: server.url, port: Number(new URL(server.url).port), asked };
}

const key = { authorization: 'Bearer sk-good' };
const json = { ...key, 'content-type': 'application/json' };
const hello = { model: 'tiny', messages: [{ role: 'user', content: 'Hi' }] };
const chat = '/v1/chat/completions';

/** Everything that the server says on this socket until it closes it. */
async function heard(socket: Socket): Promise<string> {
  let text = '';
  socket.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  // A socket that is closed while we write to it is reset.
  socket.on('error', () => {});
  await once(socket, 'close');
  return text;
}

const waits: Play = async function* ({ index, signal }) {
  yield { kind: 'text', text: 'a', outputTokens: 1, usage: undefined };
  await aborted(signal);
  yield doneOf(index);
};

test('a path with another method says which it has', async () => {
  const { url } = await serve();
  const cases: [method: string, path: string, allow: string][] = [
    ['GET', chat, 'POST'],
    ['DELETE', chat, 'POST'],
    ['POST', '/v1/models', 'GET, HEAD'],
    ['PUT', '/v1/models/tiny', 'GET, HEAD'],
    ['POST', `/v1/receipts/${'ab'.repeat(32)}`, 'GET, HEAD'],
    ['POST', '/healthz', 'GET, HEAD'],
  ];
  for (const [method, path, allow] of cases) {
    const response = await fetch(`${url}${path}`, { method, headers: key });
    expect([path, response.status, response.headers.get('allow')]).toEqual([path, 405, allow]);
    expect(await response.json()).toEqual({
      error: {
        message: `The request URL ${path} has no method ${method}; it has ${allow}.`,
        type: 'invalid_request_error',
        code: 'method_not_allowed',
        param: null,
      },
    });
  }
});

test.each([
  ['text/plain'],
  ['application/x-www-form-urlencoded'],
  ['multipart/form-data; boundary=x'],
  ['application/json; charset=utf-16'],
  ['application/jsonp'],
])('a body that says it is %s gets 415', async (type) => {
  const { url, asked } = await serve();
  const response = await fetch(`${url}${chat}`, {
    method: 'POST',
    headers: { ...key, 'content-type': type },
    body: JSON.stringify(hello),
  });
  expect([response.status, await response.json()]).toMatchObject([
    415,
    { error: { code: 'unsupported_content_type' } },
  ]);
  expect(asked).toEqual([]);
});

test.each([
  ['application/json'],
  ['application/json; charset=utf-8'],
  ['Application/JSON;charset="UTF-8"'],
  ['application/vnd.api+json'],
])('a body that says it is %s is read', async (type) => {
  const { url } = await serve();
  const response = await fetch(`${url}${chat}`, {
    method: 'POST',
    headers: { ...key, 'content-type': type },
    body: JSON.stringify(hello),
  });
  expect(response.status).toBe(200);
});

test('a compressed body gets 415', async () => {
  const { url } = await serve();
  const headers = { ...json, 'content-encoding': 'gzip' };
  const response = await fetch(`${url}${chat}`, { method: 'POST', headers, body: JSON.stringify(hello) });
  expect([response.status, await response.json()]).toMatchObject([
    415,
    { error: { message: 'Compressed bodies are not accepted; send the JSON as it is.' } },
  ]);
});

test.each([
  ['no type at all', JSON.stringify(hello), 200],
  ['nothing', '', 400],
  ['half a character', `{"model":"tin\xc3`, 400],
  ['a number', '7', 400],
  ['null', 'null', 400],
  ['a deep nest', `{"model":"tiny","metadata":${'['.repeat(40_000)}${']'.repeat(40_000)}}`, 400],
  ['a deep nest that is not closed', '['.repeat(90_000), 400],
  ['a prototype', '{"__proto__":{"model":"tiny"},"messages":[]}', 400],
])('a body of %s is no fault of ours', async (_, body, status) => {
  const { url } = await serve();
  const response = await fetch(`${url}${chat}`, { method: 'POST', headers: key, body: Buffer.from(body, 'latin1') });
  expect(response.status).toBe(status);
  expect(await response.json()).toMatchObject(status === 200 ? {} : { error: { type: 'invalid_request_error' } });
});

/** Writes `total` zero bytes as fast as they are taken, until all are gone or the server has answered. */
async function pour(
  request: ClientRequest,
  total: number,
): Promise<{ readonly status: number; readonly sent: number }> {
  const answered = Promise.withResolvers<IncomingMessage | undefined>();
  const part = Buffer.alloc(65_536, 0x20);
  let sent = 0;
  let isOver = false;
  request.on('response', answered.resolve);
  request.on('error', () => answered.resolve(undefined));
  void answered.promise.then(() => {
    isOver = true;
    request.emit('drain');
  });
  while (sent < total && !isOver) {
    sent += part.length;
    if (!request.write(part)) await once(request, 'drain');
  }
  const response = await answered.promise;
  response?.resume();
  request.destroy();
  return { status: response?.statusCode ?? 0, sent };
}

test.each([
  ['with its length', { 'content-length': '100000000' }],
  ['in chunks', { 'transfer-encoding': 'chunked' }],
])('a body of 100 MB %s is refused while it comes', { timeout: 30_000 }, async (_, headers) => {
  const { port, asked } = await serve();
  const options = { host: '127.0.0.1', port, path: chat, method: 'POST', headers: { ...json, ...headers } };
  const { status, sent } = await pour(httpRequest(options), 100_000_000);
  expect(status).toBe(413);
  expect(sent).toBeLessThan(20_000_000);
  expect(asked).toEqual([]);
});

test('of a body over the limit nothing is read beyond it', async () => {
  let given = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        given += 1_000;
        controller.enqueue(new Uint8Array(1_000));
      },
    },
    { highWaterMark: 0 },
  );
  const request = new Request('http://localhost/', { method: 'POST', body, duplex: 'half' } as RequestInit);
  await expect(readBody(request, { maxBodyBytes: 5_000 })).rejects.toMatchObject({ status: 413 });
  expect(given).toBeLessThanOrEqual(7_000);
});

test('a body that comes byte by byte gets 408 and its connection ends', { timeout: 20_000 }, async () => {
  const { port } = await serve({ options: { bodyGraceMs: 300, minBytesPerSecond: 1_000 } });
  const socket = connect(port, '127.0.0.1');
  const all = heard(socket);
  socket.write(
    `POST ${chat} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sk-good\r\ncontent-type: application/json\r\ncontent-length: 5000\r\n\r\n`,
  );
  const drip = setInterval(() => socket.write(' '), 50);
  const text = await all;
  clearInterval(drip);
  expect(text.split('\r\n')[0]).toBe('HTTP/1.1 408 Request Timeout');
  expect(text).toContain('"code":"request_timeout"');
});

test('a short body that stops half way gets 408 and its connection ends', { timeout: 20_000 }, async () => {
  const { port, asked } = await serve({ options: { bodyGraceMs: 300, minBytesPerSecond: 1_000 } });
  const socket = connect(port, '127.0.0.1');
  const all = heard(socket);
  socket.write(
    `POST ${chat} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sk-good\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"model":`,
  );
  const text = await all;
  expect(text.split('\r\n')[0]).toBe('HTTP/1.1 408 Request Timeout');
  expect(text).toContain('"code":"request_timeout"');
  expect(asked).toEqual([]);
});

test('a body that is longer than it says gets 413 beyond the limit', async () => {
  const request = new Request('http://localhost/', {
    method: 'POST',
    headers: { 'content-length': '10' },
    body: new Uint8Array(5_001),
  });
  await expect(readBody(request, { maxBodyBytes: 5_000 })).rejects.toMatchObject({ status: 413 });
});

test('a body that keeps the pace may take longer than the grace', async () => {
  const { url } = await serve({ options: { bodyGraceMs: 200, minBytesPerSecond: 1_000 } });
  const text = JSON.stringify(hello).padEnd(4_000);
  let at = 0;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (at >= text.length) return controller.close();
      controller.enqueue(Buffer.from(text.slice(at, at + 500)));
      at += 500;
      await new Promise((resolve) => setTimeout(resolve, 60));
    },
  });
  const response = await fetch(`${url}${chat}`, { method: 'POST', headers: json, body, duplex: 'half' } as RequestInit);
  expect(response.status).toBe(200);
});

test('headers that do not end are cut off', { timeout: 20_000 }, async () => {
  const { port } = await serve({}, { headersMs: 300, requestMs: 600 });
  const socket = connect(port, '127.0.0.1');
  const all = heard(socket);
  socket.write(`POST ${chat} HTTP/1.1\r\nhost: x\r\n`);
  const drip = setInterval(() => socket.write('a: b\r\n'), 50);
  const text = await all;
  clearInterval(drip);
  expect(text.split('\r\n')[0]).toBe('HTTP/1.1 408 Request Timeout');
});

test('headers that are too long get 431', async () => {
  const { port } = await serve();
  const socket = connect(port, '127.0.0.1');
  const all = heard(socket);
  socket.write(`GET /healthz HTTP/1.1\r\nhost: x\r\na: ${'b'.repeat(20_000)}\r\n\r\n`);
  expect((await all).split('\r\n')[0]).toBe('HTTP/1.1 431 Request Header Fields Too Large');
});

test.each([
  ['no HTTP', 'hello\r\n\r\n'],
  ['no host', 'GET /healthz HTTP/1.1\r\n\r\n'],
  ['two lengths', `POST ${chat} HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabc`],
  [
    'a length and chunks',
    `POST ${chat} HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\nabc`,
  ],
  ['a length that is no number', `POST ${chat} HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n`],
])('%s gets 400', async (_, text) => {
  const { port } = await serve();
  const socket = connect(port, '127.0.0.1');
  const all = heard(socket);
  socket.write(text);
  expect((await all).split('\r\n')[0]).toBe('HTTP/1.1 400 Bad Request');
});

test('one connection too many is closed, the others go on', async () => {
  const { port } = await serve({}, { maxConnections: 2 });
  const held = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')];
  await Promise.all(held.map((socket) => once(socket, 'connect')));
  const refused = connect(port, '127.0.0.1');
  expect(await heard(refused)).toBe('');
  const [first, second] = held;
  first?.write('GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
  if (first === undefined) throw new Error('no socket');
  expect((await heard(first)).split('\r\n')[0]).toBe('HTTP/1.1 200 OK');
  second?.destroy();
});

/** The status of a stream and what ends it. */
async function openStream(url: string, apiKey: string) {
  const leave = new AbortController();
  const response = await fetch(`${url}${chat}`, {
    method: 'POST',
    headers: { ...json, authorization: `Bearer ${apiKey}` },
    body: JSON.stringify({ ...hello, stream: true }),
    signal: leave.signal,
  });
  return { response, leave };
}

test('a key with too many open streams gets 429, another does not, and a place comes back', async () => {
  const ended: number[] = [];
  const play: Play = async function* (run) {
    try {
      yield* waits(run);
    } finally {
      ended.push(run.index);
    }
  };
  const { url } = await serve({ play, options: { maxOpen: 10, maxOpenPerKey: 2 } });
  const first = await openStream(url, 'sk-good');
  const second = await openStream(url, 'sk-good');
  const third = await openStream(url, 'sk-good');
  expect([third.response.status, third.response.headers.get('retry-after'), await third.response.json()]).toEqual([
    429,
    '1',
    {
      error: {
        message: 'This API key has 2 requests under way, which is as many as it may have at once.',
        type: 'rate_limit_error',
        code: 'too_many_open_requests',
        param: null,
      },
    },
  ]);
  const other = await openStream(url, 'sk-other');
  expect(other.response.status).toBe(200);
  first.leave.abort();
  await expect.poll(() => ended).toEqual([0]);
  const again = await openStream(url, 'sk-good');
  expect(again.response.status).toBe(200);
  for (const each of [second, other, again]) each.leave.abort();
  await expect.poll(() => ended.length).toBe(4);
});

test('a place comes back from whoever hangs up before an answer, and from a HEAD', async () => {
  const waiting = Promise.withResolvers<void>();
  const play: Play = async function* ({ index, signal }) {
    if (index === 0) {
      waiting.resolve();
      await aborted(signal);
      signal.throwIfAborted();
    }
    yield { kind: 'text', text: 'a', outputTokens: 1, usage: undefined };
    yield doneOf(index);
  };
  const { url } = await serve({ play, options: { maxOpenPerKey: 1 } });
  const leave = new AbortController();
  const post = (signal?: AbortSignal) =>
    fetch(`${url}${chat}`, { method: 'POST', headers: json, body: JSON.stringify(hello), signal: signal ?? null });
  const first = expect(post(leave.signal)).rejects.toThrow();
  await waiting.promise;
  leave.abort();
  await first;
  expect((await fetch(`${url}${chat}`, { method: 'HEAD', headers: key })).status).toBe(405);
  await expect.poll(async () => (await post()).status).toBe(200);
});

/** A stream on a connection of its own. */
async function ownStream(port: number, apiKey: string) {
  const headers = { ...json, authorization: `Bearer ${apiKey}` };
  const request = httpRequest({ host: '127.0.0.1', port, path: chat, method: 'POST', headers, agent: false });
  request.end(JSON.stringify({ ...hello, stream: true }));
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let text = '';
  response.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  const ended = once(response, 'end').then(() => text);
  return { status: response.statusCode, retryAfter: response.headers['retry-after'], ended };
}

test('a thousand open streams get 429 and 503 beyond the caps, and none of them is lost', {
  timeout: 120_000,
}, async () => {
  const MAX = 1_000;
  const MORE = 100;
  const release = new AbortController();
  const play: Play = (run) => waits({ ...run, signal: AbortSignal.any([run.signal, release.signal]) });
  const { port } = await serve(
    { play, options: { maxOpen: MAX, maxOpenPerKey: MAX, deadlineMs: 110_000 } },
    { headersMs: 60_000 },
  );
  const streams: Awaited<ReturnType<typeof ownStream>>[] = [];
  while (streams.length < MAX + MORE) {
    streams.push(...(await Promise.all(Array.from({ length: 100 }, () => ownStream(port, 'sk-good')))));
  }
  const having = (status: number) => streams.filter((each) => each.status === status);
  expect([having(200).length, having(429).length]).toEqual([MAX, MORE]);
  const other = await ownStream(port, 'sk-other');
  expect([other.status, other.retryAfter]).toEqual([503, '5']);
  release.abort();
  const texts = await Promise.all(having(200).map(({ ended }) => ended));
  expect(texts.every((text) => text.endsWith('data: [DONE]\n\n'))).toBe(true);
});

test('a place comes back when a body breaks', async () => {
  const ends: boolean[] = [];
  const broken = new Response(
    new ReadableStream({
      pull() {
        throw new Error('broken');
      },
    }),
  );
  const watched = onBodyEnd(broken, {
    signal: new AbortController().signal,
    onEnd: (isWhole) => void ends.push(isWhole),
  });
  await expect(watched.text()).rejects.toThrow('broken');
  expect(ends).toEqual([false]);
});
