import { KarmeshError } from '@karmesh/sdk/errors';
import { expect, test, vi } from 'vitest';
import { memoryIdempotency } from '../fixtures/memoryIdempotency.ts';
import { aborted, doneOf, type Play, requestIdOf, testApp } from '../fixtures/testApp.ts';
import { listen } from '../listen.ts';
import type { IdempotencyStore } from './idempotency.ts';

const chat = '/v1/chat/completions';
const hello = { model: 'tiny', messages: [{ role: 'user', content: 'Hi' }] };
const key = { 'idempotency-key': 'k-1' };

test('the second answer is the first, whole and streamed, and is not asked for again', async () => {
  for (const stream of [false, true]) {
    const { post, asked } = testApp({ parts: { idempotency: memoryIdempotency() } });
    const first = await post(chat, { ...hello, stream }, key);
    const text = await first.text();
    const second = await post(chat, { ...hello, stream }, key);
    expect(await second.text()).toBe(text);
    expect([second.status, second.headers.get('idempotent-replayed')]).toEqual([200, 'true']);
    for (const name of ['content-type', 'x-request-id']) {
      expect(second.headers.get(name)).toBe(first.headers.get(name));
    }
    expect(first.headers.get('idempotent-replayed')).toBeNull();
    expect(asked.length).toBe(1);
  }
});

test('another body gets 422, another client or no key an answer of its own', async () => {
  const { post, asked } = testApp({ parts: { idempotency: memoryIdempotency() } });
  await (await post(chat, hello, key)).text();
  const other = await post(chat, { ...hello, temperature: 0 }, key);
  expect([other.status, await other.json()]).toMatchObject([422, { error: { code: 'idempotency_key_reused' } }]);
  const elsewhere = await post('/v1/completions', hello, key);
  expect(elsewhere.status).toBe(422);
  const stranger = await post(chat, hello, { ...key, authorization: 'Bearer sk-other' });
  expect([stranger.status, stranger.headers.get('idempotent-replayed')]).toEqual([200, null]);
  expect((await post(chat, hello)).status).toBe(200);
  expect(asked.length).toBe(3);
});

test('a request in flight gets 409, and of many at once one is asked', async () => {
  const gate = Promise.withResolvers<void>();
  const play: Play = async function* ({ index }) {
    await gate.promise;
    yield { kind: 'text', text: 'Hello', outputTokens: 1, usage: undefined };
    yield doneOf(index);
  };
  const { post, asked } = testApp({ play, parts: { idempotency: memoryIdempotency() } });
  const all = Array.from({ length: 20 }, () => post(chat, hello, key));
  const first = await Promise.race(all);
  expect([first.status, first.headers.get('retry-after'), await first.json()]).toMatchObject([
    409,
    '1',
    { error: { code: 'idempotency_key_in_use' } },
  ]);
  gate.resolve();
  const statuses = (await Promise.all(all)).map(({ status }) => status);
  expect(statuses.sort()).toEqual([200, ...Array(19).fill(409)]);
  expect(asked.length).toBe(1);
});

test('what failed or broke off may be tried again', async () => {
  const failing: Play = async function* ({ index }) {
    if (index === 0) throw new KarmeshError('QUEUE_FULL', 'The queue is full.');
    yield { kind: 'text', text: 'Hel', outputTokens: 1, usage: undefined };
    if (index === 1) throw new KarmeshError('NO_QUORUM', 'No two workers agreed.');
    yield { kind: 'text', text: 'lo', outputTokens: 1, usage: undefined };
    yield doneOf(index);
  };
  const { post, asked } = testApp({ play: failing, parts: { idempotency: memoryIdempotency() } });
  const streamed = { ...hello, stream: true };
  expect((await post(chat, streamed, key)).status).toBe(429);
  expect(await (await post(chat, streamed, key)).text()).toContain('"code":"no_quorum"');
  const whole = await (await post(chat, streamed, key)).text();
  expect(whole).toMatch(/\[DONE\]\n\n$/);
  expect(asked.length).toBe(3);
});

/** A market that ends an answer once it is told to, unless its reader has cancelled it. */
function pausing() {
  const gate = Promise.withResolvers<void>();
  const play: Play = async function* ({ index, signal }) {
    yield { kind: 'text', text: 'Hel', outputTokens: 1, usage: undefined };
    await Promise.race([gate.promise, aborted(signal)]);
    signal.throwIfAborted();
    yield { kind: 'text', text: 'lo', outputTokens: 2, usage: undefined };
    yield doneOf(index);
  };
  return { play, goOn: () => gate.resolve() };
}

test.each(['cancelled', 'hung up', 'read but for its last byte'] as const)(
  'a stream that was %s goes on, and its repetition gets the answer that was paid for',
  async (how) => {
    const { play, goOn } = pausing();
    const { app, post, asked } = testApp({ play, parts: { idempotency: memoryIdempotency() } });
    const body = JSON.stringify({ ...hello, stream: true });
    const hangUp = new AbortController();
    const headers = { authorization: 'Bearer sk-good', 'content-type': 'application/json', ...key };
    const left = await app.request(chat, { method: 'POST', headers, body, signal: hangUp.signal });
    const reader = left.body?.getReader();
    await reader?.read();
    const again = await post(chat, body, key);
    expect([again.status, await again.json()]).toMatchObject([409, { error: { code: 'idempotency_key_in_use' } }]);
    if (how === 'cancelled') await reader?.cancel();
    if (how === 'hung up') hangUp.abort();
    goOn();
    let last: string | undefined;
    while (how === 'read but for its last byte' && last?.includes('[DONE]') !== true)
      last = Buffer.from((await reader?.read())?.value ?? []).toString();
    const repeat = async (): Promise<Response> => {
      const response = await post(chat, body, key);
      if (response.status !== 409) return response;
      await new Promise((resolve) => setImmediate(resolve));
      return repeat();
    };
    // Whoever has all but the end of the body hangs up only now.
    if (how === 'read but for its last byte') hangUp.abort();
    const replayed = await repeat();
    expect([replayed.status, replayed.headers.get('idempotent-replayed')]).toEqual([200, 'true']);
    expect(replayed.headers.get('x-request-id')).toBe(left.headers.get('x-request-id'));
    const text = await replayed.text();
    expect(text.match(/"content":"(\w+)"/g)).toEqual(['"content":"Hel"', '"content":"lo"']);
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
    expect(asked.length).toBe(1);
  },
);

test('a stream whose client has closed its connection goes on, and its repetition gets the answer that was paid for', async () => {
  const { play, goOn } = pausing();
  const { app, asked } = testApp({ play, parts: { idempotency: memoryIdempotency() } });
  await using server = await listen({ app, host: '127.0.0.1', port: 0 });
  const hangUp = new AbortController();
  const ask = (signal?: AbortSignal): Promise<Response> =>
    fetch(server.url + chat, {
      method: 'POST',
      headers: { authorization: 'Bearer sk-good', 'content-type': 'application/json', ...key },
      body: JSON.stringify({ ...hello, stream: true }),
      ...(signal === undefined ? {} : { signal }),
    });
  const left = await ask(hangUp.signal);
  await left.body?.getReader().read();
  hangUp.abort();
  expect((await ask()).status).toBe(409);
  goOn();
  await expect
    .poll(async () => {
      const { headers, status } = await ask();
      return [status, headers.get('idempotent-replayed')];
    })
    .toEqual([200, 'true']);
  expect(asked.length).toBe(1);
});

test('an answer whose sender hung up is kept before it is sent, and is not asked for again', async () => {
  const { play, goOn } = pausing();
  const { app, post, asked } = testApp({ play, parts: { idempotency: memoryIdempotency() } });
  const hangUp = new AbortController();
  const headers = { authorization: 'Bearer sk-good', 'content-type': 'application/json', ...key };
  const body = JSON.stringify(hello);
  const first = app.request(chat, { method: 'POST', headers, body, signal: hangUp.signal });
  await vi.waitUntil(() => asked.length === 1);
  hangUp.abort();
  goOn();
  // Nobody reads its body.
  expect((await first).status).toBe(200);
  const second = await post(chat, body, key);
  expect([second.status, second.headers.get('idempotent-replayed')]).toEqual([200, 'true']);
  expect(await second.json()).toMatchObject({ choices: [{ message: { content: 'Hello' } }] });
  expect(asked.length).toBe(1);
});

test('an answer that is not kept is not asked for again: its repetition is told where it is', async () => {
  const play: Play = async function* ({ index }) {
    yield { kind: 'text', text: 'x'.repeat(8_000_000), outputTokens: 1, usage: undefined };
    yield doneOf(index);
  };
  const { post, asked } = testApp({ play, parts: { idempotency: memoryIdempotency() } });
  const requestId = 'a0'.repeat(32);
  const error = {
    code: 'idempotency_answer_not_kept',
    message: `The request with this 'idempotency-key' was answered, and its answer can be told by its bundle alone: /v1/receipts/${requestId}.`,
  };
  for (const stream of [true, false]) {
    const name = { 'idempotency-key': `long-${stream}` };
    await (await post(chat, { ...hello, stream }, name)).text();
  }
  const again = await post(chat, { ...hello, stream: true }, { 'idempotency-key': 'long-true' });
  expect([again.status, again.headers.get('x-request-id'), await again.json()]).toMatchObject([
    409,
    requestId,
    { error },
  ]);
  expect((await post(chat, { ...hello, stream: false }, { 'idempotency-key': 'long-false' })).status).toBe(409);
  expect(asked.length).toBe(2);
  const killed: IdempotencyStore = {
    ...memoryIdempotency(),
    begin: async ({ bodyHash }) => ({ kind: 'cut', bodyHash, requestId: requestIdOf(0) }),
  };
  const after = testApp({ parts: { idempotency: killed } });
  const cut = await after.post(chat, hello, key);
  expect([cut.status, await cut.json()]).toMatchObject([409, { error }]);
  expect(after.asked).toEqual([]);
});

test('a request whose name cannot be stored is not run', async () => {
  const store: IdempotencyStore = {
    ...memoryIdempotency(),
    async name() {
      throw new KarmeshError('STORE_UNREACHABLE', 'The database does not answer.');
    },
  };
  const { post } = testApp({ parts: { idempotency: store } });
  expect((await post(chat, hello, key)).status).toBe(503);
  expect((await post(chat, hello)).status).toBe(200);
});

test('another method than POST gets 405, with a key as without one', async () => {
  const { app } = testApp({ parts: { idempotency: memoryIdempotency() } });
  for (const method of ['GET', 'PUT', 'OPTIONS']) {
    const headers = { authorization: 'Bearer sk-good', 'content-type': 'application/json', ...key };
    expect((await app.request(chat, { method, headers })).status).toBe(405);
  }
});

test('a key of another form gets 400', async () => {
  const { post } = testApp({ parts: { idempotency: memoryIdempotency() } });
  for (const wrong of ['', 'a b', 'x'.repeat(256)]) {
    expect((await post(chat, hello, { 'idempotency-key': wrong })).status).toBe(400);
  }
});

test('an answer whose key cannot be stored is answered all the same', async () => {
  const store: IdempotencyStore = {
    ...memoryIdempotency(),
    async finish() {
      throw new Error('disk');
    },
  };
  const { post, lines } = testApp({ parts: { idempotency: store } });
  const response = await post(chat, hello, key);
  expect(response.status).toBe(200);
  await response.json();
  expect(lines.join('')).toContain('could not be stored');
});
