import { spawn } from 'node:child_process';
import {
  createApp,
  hashApiKey,
  listen,
  type Market,
  type MarketEvent,
  type MarketModel,
  readAbilities,
} from '@karmesh/gateway';
import { health, logger, metrics } from '@karmesh/sdk/runtime';
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bytes, manifest } from '../../web/gateway/fixtures/tinyModel.ts';

// The official client and curl, unmodified, against the gateway's HTTP interface. The market behind it is scripted here; what a
// real market does is tested where the market is.

const model: MarketModel = {
  modelId: bytes(32, 9),
  manifest: { ...manifest, name: 'org/tiny-1' },
};
const done: MarketEvent = {
  kind: 'done',
  finishReason: 'stop',
  promptTokens: 7,
  outputTokens: 3,
  summary: {
    requestId: bytes(32, 0xab),
    assurance: 'quorum',
    epoch: 1n,
    dispatchNumber: 2n,
    priceLamports: 5n,
    lane: 5,
    tokensPaidFor: undefined,
    verdict: 'agreed',
    workers: [{ worker: bytes(32, 1), outcome: 'agreed', receiptHash: bytes(32, 4), shown: true }],
  },
};

let waiting = Promise.withResolvers<void>();
let cancelled = Promise.withResolvers<unknown>();
const market: Market = {
  models: () => [model],
  async *ask(request, { signal }) {
    yield { kind: 'accepted', requestId: bytes(32, 0xab) };
    const last = request.messages.at(-1)?.content ?? '';
    if (last.startsWith('say ')) {
      for (const letter of last.slice(4)) yield { kind: 'text', text: letter, outputTokens: 1, usage: undefined };
      yield done;
      return;
    }
    yield { kind: 'text', text: 'Paris,\n', outputTokens: 1, usage: undefined };
    if (request.messages[0]?.content === 'wait') {
      waiting.resolve();
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        else signal.addEventListener('abort', () => resolve());
      });
      cancelled.resolve(signal.reason);
      signal.throwIfAborted();
    }
    yield { kind: 'text', text: 'naïve 🗼', outputTokens: 1, usage: undefined };
    yield done;
  },
};

let server: Awaited<ReturnType<typeof listen>>;
let client: OpenAI;

beforeAll(async () => {
  const app = createApp({
    maxBodyBytes: 100_000,
    defaultMaxTokens: 64,
    deadlineMs: 20_000,
    abilities: readAbilities(['org/tiny-1=tools', 'org/tiny-1=json']),
  })({
    market,
    health: health(),
    metrics: metrics({ processMetrics: false }),
    log: logger({ name: 'gateway', level: 'silent' })(),
    clock: { nowMs: () => Date.now() },
    findKey: async (key) => (key === 'sk-good' ? { keyHash: hashApiKey(key), accountId: 1n } : undefined),
    findBundle: async () => ({ format: 'karmesh-bundle-1', parts: {} }),
  });
  server = await listen({ app, host: '127.0.0.1', port: 0 });
  client = new OpenAI({ apiKey: 'sk-good', baseURL: `${server.url}/v1`, maxRetries: 0 });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const messages = [{ role: 'user' as const, content: 'What is the capital of France?' }];

test('the client gets a whole completion', async () => {
  const completion = await client.chat.completions.create({ model: 'org/tiny-1', messages });
  expect(completion.choices[0]?.message.content).toBe('Paris,\nnaïve 🗼');
  expect(completion.choices[0]?.finish_reason).toBe('stop');
  expect(completion.usage).toEqual({ prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 });
  expect(completion._request_id).toBe('ab'.repeat(32));
  expect(completion).toMatchObject({
    karmesh: { requestId: 'ab'.repeat(32), bundle: `${server.url}/v1/receipts/${'ab'.repeat(32)}` },
  });
});

test('an answer can go back into the conversation as it came', async () => {
  const first = await client.chat.completions.create({ model: 'org/tiny-1', messages });
  const message = first.choices[0]?.message;
  if (message === undefined) throw new Error('no message');
  const second = await client.chat.completions.create({
    model: 'org/tiny-1',
    messages: [...messages, message, ...messages],
  });
  expect(second.choices[0]?.message.role).toBe('assistant');
});

test('the client streams', async () => {
  const stream = await client.chat.completions.create({
    model: 'org/tiny-1',
    messages,
    stream: true,
    stream_options: { include_usage: true },
  });
  let text = '';
  const last = [];
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? '';
    last.push(chunk.usage);
  }
  expect(text).toBe('Paris,\nnaïve 🗼');
  expect(last.at(-1)).toEqual({ prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 });
});

test("the client's stream helper assembles the completion", async () => {
  const stream = client.chat.completions.stream({ model: 'org/tiny-1', messages });
  const completion = await stream.finalChatCompletion();
  expect(completion.choices[0]?.message.content).toBe('Paris,\nnaïve 🗼');
});

test('the client gets several choices, whole and streamed', async () => {
  const completion = await client.chat.completions.create({ model: 'org/tiny-1', messages, n: 3 });
  expect(completion.choices.map(({ index, message }) => [index, message.content])).toEqual(
    [0, 1, 2].map((index) => [index, 'Paris,\nnaïve 🗼']),
  );
  expect(completion.usage?.completion_tokens).toBe(9);
  const stream = client.chat.completions.stream({ model: 'org/tiny-1', messages, n: 2 });
  const { choices } = await stream.finalChatCompletion();
  expect(choices.map(({ index, message }) => [index, message.content])).toEqual(
    [0, 1].map((index) => [index, 'Paris,\nnaïve 🗼']),
  );
});

const weather = {
  type: 'function' as const,
  function: { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } },
};
const sayCall = (): OpenAI.ChatCompletionMessageParam => ({
  role: 'user',
  content: 'say <tool_call>{"name": "weather", "arguments": {"city": "Rome"}}</tool_call>',
});

test('the client calls a function and gives its result back', async () => {
  const asked = [sayCall()];
  const first = await client.chat.completions.create({ model: 'org/tiny-1', messages: asked, tools: [weather] });
  const message = first.choices[0]?.message;
  const [call] = message?.tool_calls ?? [];
  expect([first.choices[0]?.finish_reason, message?.content]).toEqual(['tool_calls', null]);
  if (message === undefined || call?.type !== 'function') throw new Error('no call');
  expect(call.function).toEqual({ name: 'weather', arguments: '{"city":"Rome"}' });
  const second = await client.chat.completions.create({
    model: 'org/tiny-1',
    messages: [...asked, message, { role: 'tool', tool_call_id: call.id, content: 'sun' }],
    tools: [weather],
  });
  expect(second.choices[0]?.finish_reason).toBe('stop');
});

test("the client's stream helper assembles the call of a function", async () => {
  const stream = client.chat.completions.stream({ model: 'org/tiny-1', messages: [sayCall()], tools: [weather] });
  const { choices } = await stream.finalChatCompletion();
  expect(choices[0]?.finish_reason).toBe('tool_calls');
  expect(choices[0]?.message.tool_calls).toMatchObject([
    { type: 'function', function: { name: 'weather', arguments: '{"city":"Rome"}' } },
  ]);
});

test('the client gets JSON where the model gives it', async () => {
  const completion = await client.chat.completions.parse({
    model: 'org/tiny-1',
    messages: [{ role: 'user', content: 'say ```json\n{"city": "Rome"}\n```' }],
    response_format: { type: 'json_schema', json_schema: { name: 'city', schema: { type: 'object' } } },
  });
  expect(JSON.parse(completion.choices[0]?.message.content ?? '')).toEqual({ city: 'Rome' });
  expect(completion).toMatchObject({ karmesh: { format: 'met' } });
});

test('the client gets plain completions, whole and streamed', async () => {
  const whole = await client.completions.create({ model: 'org/tiny-1', prompt: ['say a', 'say b'] });
  expect(whole.choices.map(({ index, text }) => [index, text])).toEqual([
    [0, 'a'],
    [1, 'b'],
  ]);
  const stream = await client.completions.create({ model: 'org/tiny-1', prompt: 'say abc', stream: true });
  let text = '';
  for await (const chunk of stream) text += chunk.choices[0]?.text ?? '';
  expect(text).toBe('abc');
});

test('the client is told that there are no embeddings', async () => {
  await expect(client.embeddings.create({ model: 'org/tiny-1', input: 'a' })).rejects.toMatchObject({
    status: 400,
    code: 'unsupported',
  });
});

test('the client lists and retrieves models, in names with a slash too', async () => {
  const names = [];
  for await (const each of client.models.list()) names.push(each.id);
  expect(names).toEqual(['org/tiny-1']);
  expect((await client.models.retrieve('org/tiny-1')).owned_by).toBe('karmesh');
});

test('the client recognises errors by class', async () => {
  await expect(client.chat.completions.create({ model: 'none', messages })).rejects.toThrow(OpenAI.NotFoundError);
  await expect(client.chat.completions.create({ model: 'org/tiny-1', messages, top_p: 0.5 })).rejects.toMatchObject({
    status: 400,
    code: 'unsupported_parameter',
    param: 'top_p',
    type: 'invalid_request_error',
  });
  const stranger = new OpenAI({ apiKey: 'sk-bad', baseURL: `${server.url}/v1`, maxRetries: 0 });
  await expect(stranger.models.list()).rejects.toThrow(OpenAI.AuthenticationError);
});

test('a client that leaves cancels the work, streaming or not', async () => {
  for (const stream of [true, false]) {
    waiting = Promise.withResolvers();
    cancelled = Promise.withResolvers();
    const controller = new AbortController();
    const wait = [{ role: 'user' as const, content: 'wait' }];
    const asked = client.chat.completions.create(
      { model: 'org/tiny-1', messages: wait, stream },
      { signal: controller.signal },
    );
    if (stream) {
      for await (const chunk of (await asked) as AsyncIterable<OpenAI.ChatCompletionChunk>) {
        if (chunk.choices[0]?.delta.content) controller.abort();
      }
    } else {
      const failed = expect(asked).rejects.toThrow(OpenAI.APIUserAbortError);
      await waiting.promise;
      controller.abort();
      await failed;
    }
    expect(await cancelled.promise).toBeDefined();
  }
});

type CurlResult = { readonly code: number; readonly stdout: string };

/** Runs curl with `args`; it talks to loopback alone. */
function curl(args: readonly string[], input = ''): Promise<CurlResult> {
  return new Promise((resolve, reject) => {
    const child = spawn('curl', ['--silent', '--show-error', '--noproxy', '*', ...args]);
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? -1, stdout }));
    child.stdin.end(input);
  });
}

const json = ['-H', 'Authorization: Bearer sk-good', '-H', 'Content-Type: application/json'];

test('curl gets a whole completion', async () => {
  const body = JSON.stringify({ model: 'org/tiny-1', messages });
  const { code, stdout } = await curl([`${server.url}/v1/chat/completions`, ...json, '-d', body]);
  expect([code, JSON.parse(stdout)]).toMatchObject([
    0,
    { object: 'chat.completion', choices: [{ message: { content: 'Paris,\nnaïve 🗼' } }] },
  ]);
});

test('curl sees a stream of data lines that ends with [DONE]', async () => {
  const body = JSON.stringify({ model: 'org/tiny-1', messages, stream: true });
  const { code, stdout } = await curl(['-N', '-i', `${server.url}/v1/chat/completions`, ...json, '-d', body]);
  const [head = '', ...rest] = stdout.split('\r\n\r\n');
  expect(code).toBe(0);
  expect(head.toLowerCase()).toContain('content-type: text/event-stream');
  const events = rest.join('\r\n\r\n').split('\n\n');
  expect(events.pop()).toBe('');
  expect(events.at(-1)).toBe('data: [DONE]');
  expect(events.every((event) => event.startsWith('data: '))).toBe(true);
});

test('curl with an oversized body gets 413 in OpenAI form', async () => {
  const { stdout } = await curl(
    ['-w', '%{http_code}', `${server.url}/v1/chat/completions`, ...json, '--data-binary', '@-'],
    'x'.repeat(200_000),
  );
  expect(stdout.slice(-3)).toBe('413');
  expect(JSON.parse(stdout.slice(0, -3))).toMatchObject({ error: { code: 'request_too_large' } });
});
