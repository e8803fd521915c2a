import { KarmeshError, type KarmeshErrorCode } from '@karmesh/sdk/errors';
import { encode, signedCodec, toHex, usageRecord } from '@karmesh/sdk/protocol';
import { health, logger, metrics } from '@karmesh/sdk/runtime';
import { expect, test } from 'vitest';
import { createApp } from './app.ts';
import { testApp } from './fixtures/testApp.ts';
import { bytes, model } from './fixtures/tinyModel.ts';
import type { Market, MarketEvent, MarketRequest } from './market.ts';
import { readAbilities } from './openai/abilities.ts';
import { modelSchema } from './openai/modelObject.ts';
import { hashApiKey } from './store/apiKeys.ts';

const requestId = bytes(32, 0xab);
const done: MarketEvent = {
  kind: 'done',
  finishReason: 'stop',
  promptTokens: 20,
  outputTokens: 2,
  summary: {
    requestId,
    assurance: 'quorum',
    epoch: 7n,
    dispatchNumber: 3n,
    priceLamports: 41n,
    lane: 5,
    tokensPaidFor: undefined,
    verdict: 'agreed',
    workers: [
      { worker: bytes(32, 1), outcome: 'agreed', receiptHash: bytes(32, 4), shown: true },
      { worker: bytes(32, 2), outcome: 'agreed', receiptHash: bytes(32, 5), shown: true },
      { worker: bytes(32, 3), outcome: 'timed-out', receiptHash: undefined, shown: false },
    ],
  },
};
const karmesh = {
  requestId: toHex(requestId),
  assurance: 'quorum',
  epoch: '7',
  dispatchNumber: '3',
  priceLamports: '41',
  lane: 'bronze',
  quorum: { verdict: 'agreed', agreeing: 2, asked: 3 },
  receipts: [
    {
      worker: '4vJ9JU1bJJE96FWSJKvHsmmFADCg4gpZQff4P3bkLKi',
      outcome: 'agreed',
      receiptHash: '04'.repeat(32),
      shown: true,
    },
    {
      worker: '8qbHbw2BbbTHBW1sbeqakYXVKRQM8Ne7pLK7m6CVfeR',
      outcome: 'agreed',
      receiptHash: '05'.repeat(32),
      shown: true,
    },
    { worker: 'CktRuQ2mttgRGkXJtyksdKHjUdc2C4TgDzyB98oEzy8', outcome: 'timed-out', receiptHash: null, shown: false },
  ],
  bundle: `http://localhost/v1/receipts/${toHex(requestId)}`,
};

/** An app over a market that plays `events` and throws `failure` at its end, and what it was asked. */
function scripted(
  script: { readonly events?: readonly MarketEvent[]; readonly failure?: unknown; readonly hang?: boolean } = {},
) {
  const asked: MarketRequest[] = [];
  const aborted = Promise.withResolvers<unknown>();
  const market: Market = {
    models: () => [model],
    async *ask(request, { signal, wantsProgress }) {
      asked.push(request);
      signal.addEventListener('abort', () => aborted.resolve(signal.reason));
      yield { kind: 'accepted', requestId };
      if (wantsProgress === true) yield { kind: 'workers', workers: [{ worker: bytes(32, 1), step: 'asked' }] };
      yield* script.events ?? [
        { kind: 'text', text: 'Hello', outputTokens: 1, usage: undefined },
        { kind: 'text', text: ' world', outputTokens: 1, usage: undefined },
        done,
      ];
      if (script.failure !== undefined) throw script.failure;
      if (script.hang === true) {
        await new Promise<void>((resolve) => {
          if (signal.aborted) resolve();
          else signal.addEventListener('abort', () => resolve());
        });
        signal.throwIfAborted();
      }
    },
  };
  const lines: string[] = [];
  const checks = health();
  const app = createApp({ maxBodyBytes: 5000, defaultMaxTokens: 64, deadlineMs: 1000 })({
    market,
    health: checks,
    metrics: metrics({ processMetrics: false }),
    log: logger({ name: 'gateway' })({ sink: { write: (line) => lines.push(line) } }),
    clock: { nowMs: () => 1_700_000_000_500 },
    findKey: async (key) => (key === 'sk-good' ? { keyHash: hashApiKey(key), accountId: 1n } : undefined),
    findBundle: async (options) =>
      options.requestId[0] === 0xab ? { version: 1, requestId: toHex(options.requestId) } : undefined,
  });
  const post = (body: unknown, headers: Record<string, string> = {}, path = '/v1/chat/completions') =>
    app.request(path, {
      method: 'POST',
      headers: { authorization: 'Bearer sk-good', 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  return { app, asked, lines, checks, aborted: aborted.promise, post };
}

const hello = { model: 'tiny', messages: [{ role: 'user', content: 'Hi' }] };

test('answers a whole completion in OpenAI form', async () => {
  const { post, asked } = scripted();
  const response = await post(hello);
  expect(response.status).toBe(200);
  expect(response.headers.get('x-request-id')).toBe(toHex(requestId));
  expect(await response.json()).toEqual({
    id: `chatcmpl-${toHex(requestId)}`,
    object: 'chat.completion',
    created: 1_700_000_000,
    model: 'tiny',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: 'Hello world', refusal: null },
        logprobs: null,
        finish_reason: 'stop',
      },
    ],
    usage: { prompt_tokens: 20, completion_tokens: 2, total_tokens: 22 },
    system_fingerprint: null,
    karmesh,
  });
  expect(asked).toEqual([
    {
      model,
      assurance: 'quorum',
      maxTokens: 64,
      temperatureMicro: 1_000_000,
      stops: [],
      messages: [{ role: 'user', content: 'Hi' }],
      keyHash: hashApiKey('sk-good'),
      accountId: 1n,
      lane: 5,
    },
  ]);
});

/** The data lines of an SSE body, which must consist of nothing else. */
function dataLines(body: string): string[] {
  expect(body.endsWith('\n\n')).toBe(true);
  return body
    .slice(0, -2)
    .split('\n\n')
    .map((event) => {
      expect(event).toMatch(/^data: [^\n]*$/);
      return event.slice('data: '.length);
    });
}

test('streams chunks in OpenAI form, the evidence in the last one', async () => {
  const { post, asked } = scripted();
  const response = await post({ ...hello, stream: true });
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  const lines = dataLines(await response.text());
  expect(lines.pop()).toBe('[DONE]');
  const chunks = lines.map((line) => JSON.parse(line) as { id: string });
  const id = chunks[0]?.id;
  expect(id).toBe(`chatcmpl-${toHex(requestId)}`);
  expect(response.headers.get('x-request-id')).toBe(toHex(requestId));
  const chunk = (delta: object, finish_reason: string | null = null) => ({
    id,
    object: 'chat.completion.chunk',
    created: 1_700_000_000,
    model: 'tiny',
    system_fingerprint: null,
    choices: [{ index: 0, delta, logprobs: null, finish_reason }],
  });
  expect(chunks).toEqual([
    chunk({ role: 'assistant', content: '', refusal: null }),
    chunk({ content: 'Hello' }),
    chunk({ content: ' world' }),
    { ...chunk({}, 'stop'), karmesh },
  ]);
  expect(asked[0]?.assurance).toBe('stream');
});

test('tells how far the workers are, to those alone who ask for it', async () => {
  const { post } = scripted();
  const progressOf = async (body: object, headers: Record<string, string>) => {
    const lines = dataLines(await (await post({ ...hello, stream: true, ...body }, headers)).text()).slice(0, -1);
    return lines.map((line) => (JSON.parse(line) as { karmeshProgress?: unknown }).karmeshProgress);
  };
  expect(await progressOf({}, {})).toEqual([undefined, undefined, undefined, undefined]);
  expect(await progressOf({}, { 'x-karmesh-progress': '1' })).toEqual([
    undefined,
    [{ worker: '4vJ9JU1bJJE96FWSJKvHsmmFADCg4gpZQff4P3bkLKi', step: 'asked' }],
    undefined,
    undefined,
    undefined,
  ]);
  const whole = (await (await post(hello, { 'x-karmesh-progress': '1' })).json()) as object;
  expect(Object.keys(whole)).not.toContain('karmeshProgress');
});

test('shows what a worker has signed for a stream so far, to those alone who ask for it', async () => {
  const value = {
    dispatchHash: bytes(32, 1),
    worker: bytes(32, 2),
    sequence: 0,
    promptTokens: 20,
    outputTokens: 1,
    outputChain: bytes(32, 3),
  };
  const usage = { value, signature: bytes(64, 4) };
  const record = toHex(encode(signedCodec(usageRecord), usage));
  const { post } = scripted({
    events: [
      { kind: 'text', text: 'Hello', outputTokens: 1, usage },
      // What was held back until the end is signed by the receipt alone.
      { kind: 'text', text: ' world', outputTokens: 2, usage: undefined },
      done,
    ],
  });
  const usageOf = async (path: string, body: object, headers: Record<string, string>) => {
    const lines = dataLines(await (await post({ ...body, stream: true }, headers, path)).text()).slice(0, -1);
    return lines.flatMap((line) => (JSON.parse(line) as { karmeshUsage?: unknown }).karmeshUsage ?? []);
  };
  const shown = {
    prompt_tokens: 20,
    completion_tokens: 1,
    worker: '8qbHbw2BbbTHBW1sbeqakYXVKRQM8Ne7pLK7m6CVfeR',
    record,
  };
  const chat = '/v1/chat/completions';
  expect(await usageOf(chat, hello, {})).toEqual([]);
  expect(await usageOf(chat, hello, { 'x-karmesh-usage': '1' })).toEqual([shown]);
  const prompt = { model: hello.model, prompt: 'Hello' };
  expect(await usageOf('/v1/completions', prompt, { 'x-karmesh-usage': '1' })).toEqual([shown]);
});

test('adds the usage chunk that stream_options asks for', async () => {
  const { post } = scripted();
  const response = await post({
    ...hello,
    stream: true,
    stream_options: { include_usage: true },
    karmesh: { assurance: 'quorum' },
  });
  const lines = dataLines(await response.text());
  const chunks = lines
    .slice(0, -1)
    .map((line) => JSON.parse(line) as { usage: unknown; choices: unknown[]; karmesh?: unknown });
  expect(chunks.map(({ usage }) => usage)).toEqual([
    null,
    null,
    null,
    null,
    { prompt_tokens: 20, completion_tokens: 2, total_tokens: 22 },
  ]);
  expect(chunks.map((each) => each.karmesh)).toEqual([undefined, undefined, undefined, undefined, karmesh]);
  expect(chunks.at(-1)?.choices).toEqual([]);
});

test('takes the assurance from the body, else from the header, else from the way of answering', async () => {
  const { post, asked } = scripted();
  await post({ ...hello, karmesh: { assurance: 'stream' } }, { 'x-karmesh-assurance': 'quorum' });
  await post(hello, { 'x-karmesh-assurance': 'stream' });
  await (await post({ ...hello, stream: true }, { 'x-karmesh-assurance': 'quorum' })).text();
  expect(asked.map(({ assurance }) => assurance)).toEqual(['stream', 'stream', 'quorum']);
});

test('L-08: what a request would cost is looked at, and its quote is used once', async () => {
  const hows: unknown[] = [];
  const { post } = testApp({
    parts: {
      rateOf: () => ({ tokens: 1_000, perMs: 60_000 }),
      offerOf(_quote, _modelId, how) {
        hows.push(how);
        return { lane: 5, unitPrice: 1n };
      },
    },
  });
  const body = { model: 'tiny', messages: [{ role: 'user', content: 'Hi' }], karmesh: { quote: 'ab' } };
  expect((await post('/v1/chat/completions', body)).status).toBe(200);
  expect(hows).toEqual(['look', 'use']);
});

test('reads text parts, the developer role, limits, stops and what clients send along', async () => {
  const { post, asked } = scripted();
  const response = await post({
    model: 'tiny',
    messages: [
      { role: 'developer', content: 'Be brief.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'A' },
          { type: 'text', text: 'B' },
        ],
      },
      { role: 'assistant', content: 'C', refusal: null, tool_calls: null, annotations: [] },
      { role: 'user', content: '' },
    ],
    max_completion_tokens: 9,
    temperature: 0.25,
    stop: ['x', 'y'],
    user: 'u',
    metadata: { a: 'b' },
    store: false,
    seed: 4,
    n: 1,
    top_p: 1,
    frequency_penalty: 0,
    presence_penalty: 0,
    tools: [],
    logprobs: false,
    response_format: { type: 'text' },
    service_tier: 'auto',
  });
  expect(response.status).toBe(200);
  expect(asked[0]).toMatchObject({
    maxTokens: 9,
    temperatureMicro: 250_000,
    stops: ['x', 'y'],
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'AB' },
      { role: 'assistant', content: 'C' },
      { role: 'user', content: '' },
    ],
  });
});

const refusals: [name: string, body: unknown, status: number, error: object][] = [
  [
    'bad JSON',
    '{"model":',
    400,
    { message: 'We could not parse the JSON body of your request.', param: null, code: null },
  ],
  ['no object', [1], 400, { message: 'The body of the request must be a JSON object.', param: null, code: null }],
  [
    'no model',
    { messages: hello.messages },
    400,
    { message: "Missing required parameter: 'model'.", param: 'model', code: 'missing_required_parameter' },
  ],
  [
    'no messages',
    { model: 'tiny' },
    400,
    { message: "Missing required parameter: 'messages'.", param: 'messages', code: 'missing_required_parameter' },
  ],
  [
    'an unknown model',
    { ...hello, model: 'gpt-9' },
    404,
    {
      message: 'The model `gpt-9` does not exist or you do not have access to it.',
      param: 'model',
      code: 'model_not_found',
    },
  ],
  [
    'tools',
    { ...hello, tools: [{ type: 'function', function: { name: 'f' } }] },
    400,
    {
      message: "Unsupported parameter: 'tools' is not supported with this model.",
      param: 'tools',
      code: 'unsupported_parameter',
    },
  ],
  [
    'n above 8',
    { ...hello, n: 9 },
    400,
    { message: expect.stringMatching(/^Invalid value for 'n': /), param: 'n', code: 'invalid_value' },
  ],
  [
    'logprobs',
    { ...hello, logprobs: true },
    400,
    { message: expect.any(String), param: 'logprobs', code: 'unsupported_parameter' },
  ],
  [
    'JSON mode',
    { ...hello, response_format: { type: 'json_object' } },
    400,
    { message: expect.any(String), param: 'response_format', code: 'unsupported_parameter' },
  ],
  [
    'top_p',
    { ...hello, top_p: 0.5 },
    400,
    { message: expect.any(String), param: 'top_p', code: 'unsupported_parameter' },
  ],
  [
    'an unknown parameter',
    { ...hello, best_off: 3 },
    400,
    { message: 'Unrecognized request argument supplied: best_off', param: 'best_off', code: 'unknown_parameter' },
  ],
  [
    'a temperature out of range',
    { ...hello, temperature: 3 },
    400,
    {
      message: expect.stringMatching(/^Invalid value for 'temperature': /),
      param: 'temperature',
      code: 'invalid_value',
    },
  ],
  [
    'a result of no call',
    { ...hello, messages: [{ role: 'tool', content: 'x' }] },
    400,
    {
      message: "Missing required parameter: 'messages[0].tool_call_id'.",
      param: 'messages[0].tool_call_id',
      code: 'missing_required_parameter',
    },
  ],
  [
    'an assistant who says nothing',
    { ...hello, messages: [{ role: 'assistant', content: null }] },
    400,
    { message: expect.any(String), param: 'messages[0].content', code: 'missing_required_parameter' },
  ],
  [
    'a role of another API',
    { ...hello, messages: [{ role: 'function', name: 'f', content: 'x' }] },
    400,
    { message: expect.any(String), param: 'messages[0].role', code: 'invalid_value' },
  ],
  [
    'an image',
    { ...hello, messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }] },
    400,
    { message: expect.any(String), param: 'messages[0].content[0].type', code: 'invalid_value' },
  ],
  [
    'a lone surrogate',
    `{"model":"tiny","messages":[{"role":"user","content":"\\ud800"}]}`,
    400,
    { message: expect.any(String), param: 'messages[0].content', code: null },
  ],
  [
    'stream options without a stream',
    { ...hello, stream_options: { include_usage: true } },
    400,
    { message: expect.any(String), param: 'stream_options', code: null },
  ],
  [
    'an unknown assurance',
    { ...hello, karmesh: { assurance: 'none' } },
    400,
    { message: expect.any(String), param: 'karmesh.assurance', code: 'invalid_value' },
  ],
  [
    'more tokens than the context',
    { ...hello, max_tokens: 512 },
    400,
    {
      message:
        "This model's maximum context length is 512 tokens. However, you requested 512 tokens for the completion alone.",
      param: 'max_tokens',
      code: 'context_length_exceeded',
    },
  ],
  [
    'an oversized body',
    { ...hello, user: 'x'.repeat(6000) },
    413,
    { message: 'The body of the request is larger than 5000 bytes.', param: null, code: 'request_too_large' },
  ],
];

test.each(refusals)('refuses %s', async (_, body, status, error) => {
  const { post, asked } = scripted();
  const response = await post(body);
  expect(await response.json()).toEqual({ error: { type: 'invalid_request_error', ...error } });
  expect(response.status).toBe(status);
  expect(asked).toEqual([]);
});

test('refuses a missing and a wrong key on every route of the API', async () => {
  const { app } = scripted();
  for (const path of ['/v1/models', '/v1/models/tiny', '/v1/chat/completions', `/v1/receipts/${'ab'.repeat(32)}`]) {
    for (const headers of [{}, { authorization: 'Bearer sk-bad' }, { authorization: `Bearer ${'x'.repeat(300)}` }]) {
      const response = await app.request(path, { method: path.endsWith('completions') ? 'POST' : 'GET', headers });
      expect([path, response.status, response.headers.get('www-authenticate')]).toEqual([path, 401, 'Bearer']);
      expect(await response.json()).toMatchObject({
        error: { type: 'invalid_request_error', code: 'invalid_api_key', param: null },
      });
    }
  }
});

const failures: [KarmeshErrorCode, number, string, string, string | null][] = [
  ['QUEUE_FULL', 429, 'rate_limit_error', 'rate_limit_exceeded', '1'],
  ['QUEUE_SHARE_FULL', 429, 'rate_limit_error', 'too_many_waiting_requests', '1'],
  ['ESCROW_SHORT', 503, 'server_error', 'escrow_short', '5'],
  ['CONTEXT_OVERFLOW', 400, 'invalid_request_error', 'context_length_exceeded', null],
  ['REQUEST_REFUSED', 400, 'invalid_request_error', 'request_refused', null],
  ['NO_WORKERS', 503, 'server_error', 'no_workers', '2'],
  ['NO_QUORUM', 502, 'server_error', 'no_quorum', null],
  ['WORKER_TIMEOUT', 504, 'server_error', 'worker_timeout', null],
  ['RPC_UNREACHABLE', 503, 'server_error', 'cluster_unreachable', '5'],
  ['STORE_UNREACHABLE', 503, 'server_error', 'store_unreachable', '2'],
  ['CREDIT_HELD', 429, 'rate_limit_error', 'credit_held', '1'],
];

test.each(failures)('%s becomes status %i', async (code, status, type, apiCode, retryAfter) => {
  for (const stream of [false, true]) {
    const { post } = scripted({ events: [], failure: new KarmeshError(code, 'A sentence.', { secret: 'fact' }) });
    const response = await post({ ...hello, stream });
    expect(response.status).toBe(status);
    expect(response.headers.get('retry-after')).toBe(retryAfter);
    expect(await response.json()).toEqual({
      error: { message: 'A sentence.', type, code: apiCode, param: status === 400 ? 'messages' : null },
    });
  }
});

test.each([
  [0, '1'],
  [1_001, '2'],
  [54_000_000, '300'],
])('a failure that ends after %i ms says to try again after %s s', async (retryAfterMs, seconds) => {
  for (const code of ['QUEUE_FULL', 'NO_WORKERS'] as const) {
    const { post } = scripted({ events: [], failure: new KarmeshError(code, 'A sentence.', { retryAfterMs }) });
    expect((await post(hello)).headers.get('retry-after')).toBe(seconds);
  }
});

test('hides what an unexpected failure says and logs it without the prompt', async () => {
  const { post, lines } = scripted({ events: [], failure: new Error('password=1') });
  const response = await post({ ...hello, messages: [{ role: 'user', content: 'my secret prompt' }] });
  expect(response.status).toBe(500);
  expect(await response.json()).toEqual({
    error: {
      message: 'The gateway had an internal error while it processed your request.',
      type: 'server_error',
      code: 'internal_error',
      param: null,
    },
  });
  expect(lines.join('')).toContain('password=1');
  expect(lines.join('')).not.toContain('secret prompt');
});

test('a failure after the first text ends the stream with an error and no [DONE]', async () => {
  const { post } = scripted({
    events: [{ kind: 'text', text: 'Hel', outputTokens: 1, usage: undefined }],
    failure: new KarmeshError('NO_QUORUM', 'No two workers agreed.'),
  });
  const lines = dataLines(await (await post({ ...hello, stream: true })).text());
  expect(JSON.parse(lines.at(-1) ?? '')).toEqual({
    error: { message: 'No two workers agreed.', type: 'server_error', code: 'no_quorum', param: null },
  });
});

test('the deadline ends a market that hangs', async () => {
  const { post, aborted } = scripted({ events: [], hang: true });
  const response = await post(hello);
  expect(response.status).toBe(504);
  expect(await aborted).toMatchObject({ code: 'WORKER_TIMEOUT', facts: { deadlineMs: 1000 } });
});

test('a client that leaves a stream cancels the work', async () => {
  const { post, aborted } = scripted({
    events: [{ kind: 'text', text: 'a', outputTokens: 1, usage: undefined }],
    hang: true,
  });
  const response = await post({ ...hello, stream: true });
  const reader = response.body?.getReader();
  await reader?.read();
  await reader?.cancel();
  expect(await aborted).toMatchObject({ code: 'ABORTED' });
});

test('lists models and finds one', async () => {
  const { app } = scripted();
  const headers = { authorization: 'Bearer sk-good' };
  const object = {
    id: 'tiny',
    object: 'model',
    created: 0,
    owned_by: 'karmesh',
    context_length: 512,
    supported_parameters: [
      'max_completion_tokens',
      'max_tokens',
      'metadata',
      'n',
      'stop',
      'stream',
      'stream_options',
      'temperature',
      'user',
    ],
    karmesh: {
      modelId: toHex(model.modelId),
      contextLength: 512,
      activeParameters: '3000000',
      quantisation: 'Q8_0',
      licence: 'Apache-2.0',
    },
  };
  expect(await (await app.request('/v1/models', { headers })).json()).toEqual({ object: 'list', data: [object] });
  expect(await (await app.request('/v1/models/tiny', { headers })).json()).toEqual(object);
  expect((await app.request('/v1/models/none', { headers })).status).toBe(404);
});

test('a model lists what it can and what it costs, where that is known', async () => {
  const { app } = testApp({
    options: { abilities: readAbilities(['tiny=tools', 'tiny=json']) },
    parts: { prices: () => ({ prompt: 12n, output: 2n ** 60n }) },
  });
  const response = await app.request('/v1/models/tiny', { headers: { authorization: 'Bearer sk-good' } });
  const shown = modelSchema.parse(await response.json());
  expect(shown.pricing).toEqual({
    unit: 'lamports per 1,000 tokens',
    prompt: '12',
    completion: '1152921504606846976',
  });
  const more = ['parallel_tool_calls', 'response_format', 'structured_outputs', 'tool_choice', 'tools'];
  expect(shown.supported_parameters).toEqual(expect.arrayContaining(more));
});

test('serves a bundle, and says when there is none', async () => {
  const { app } = scripted();
  const get = (id: string) => app.request(`/v1/receipts/${id}`, { headers: { authorization: 'Bearer sk-good' } });
  expect(await (await get('ab'.repeat(32))).json()).toEqual({ version: 1, requestId: 'ab'.repeat(32) });
  expect((await get('cd'.repeat(32))).status).toBe(404);
  expect((await get('xyz')).status).toBe(400);
});

test('reports health, readiness and metrics without a key', async () => {
  const { app, checks, post } = scripted();
  checks.add({
    name: 'rpc',
    kind: 'ready',
    check: () => {
      throw new Error('down');
    },
  });
  expect((await app.request('/healthz')).status).toBe(200);
  const ready = await app.request('/readyz');
  expect([ready.status, await ready.json()]).toEqual([
    503,
    { ok: false, checks: [{ name: 'rpc', ok: false, sentence: 'down' }] },
  ]);
  await post(hello);
  const text = await (await app.request('/metrics')).text();
  for (const line of [
    'karmesh_gateway_http_requests_total{route="/v1/chat/completions",status="200"} 1',
    'karmesh_gateway_answer_tokens_total{kind="prompt"} 20',
    'karmesh_gateway_answer_tokens_total{kind="output"} 2',
    'karmesh_gateway_first_text_seconds_count{assurance="quorum"} 1',
  ]) {
    expect(text).toContain(line);
  }
});

test('an unknown URL is an OpenAI error', async () => {
  const { app } = scripted();
  const response = await app.request('/v1/images', { method: 'POST' });
  expect([response.status, await response.json()]).toEqual([
    404,
    {
      error: {
        message: 'Unknown request URL: POST /v1/images.',
        type: 'invalid_request_error',
        code: 'unknown_url',
        param: null,
      },
    },
  ]);
});
