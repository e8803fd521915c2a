import { KarmeshError } from '@karmesh/sdk/errors';
import { toHex } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { aborted, doneOf, eventsOf, type Play, requestIdOf, testApp } from '../fixtures/testApp.ts';
import { readAbilities } from '../openai/abilities.ts';
import { chatChunkSchema, chatCompletionSchema } from '../openai/responseSchemas.ts';

const chat = '/v1/chat/completions';
const hello = { model: 'tiny', messages: [{ role: 'user', content: 'Hi' }] };
const able = { abilities: readAbilities(['tiny=tools', 'tiny=json']) };
const tools = [{ type: 'function', function: { name: 'weather', parameters: { type: 'object' } } }];

const saying = (...texts: readonly string[]): Play =>
  async function* ({ index }) {
    for (const letter of texts[index] ?? '') yield { kind: 'text', text: letter, outputTokens: 1, usage: undefined };
    yield doneOf(index);
  };

async function whole(response: Response) {
  expect(response.status).toBe(200);
  return chatCompletionSchema.parse(await response.json());
}

async function streamed(response: Response) {
  expect(response.status).toBe(200);
  const events = eventsOf(await response.text());
  expect(events.pop()).toBe('[DONE]');
  return events.map((event) => chatChunkSchema.parse(JSON.parse(event)));
}

test('several choices are several requests, merged into one answer', async () => {
  const { post, asked } = testApp({ play: saying('one', 'two', 'three') });
  const answer = await whole(await post(chat, { ...hello, n: 3 }));
  expect(asked.length).toBe(3);
  expect(answer.choices.map(({ index, message }) => [index, message.content])).toEqual([
    [0, 'one'],
    [1, 'two'],
    [2, 'three'],
  ]);
  expect(answer.usage).toEqual({ prompt_tokens: 60, completion_tokens: 6, total_tokens: 66 });
  expect(answer.id).toBe(`chatcmpl-${toHex(requestIdOf(0))}`);
  const { all, ...first } = answer.karmesh;
  expect(all?.map(({ requestId }) => requestId)).toEqual([0, 1, 2].map((index) => toHex(requestIdOf(index))));
  expect(first).toEqual(all?.[0]);
});

test('several choices stream side by side, with the evidence of all in the last chunk', async () => {
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  // The first choice says everything after the second has ended.
  const play: Play = async function* ({ index }) {
    if (index === 0) await gates[0]?.promise;
    yield { kind: 'text', text: `choice ${index}`, outputTokens: 1, usage: undefined };
    yield doneOf(index);
    gates[0]?.resolve();
  };
  const { post } = testApp({ play });
  const chunks = await streamed(
    await post(chat, { ...hello, n: 2, stream: true, stream_options: { include_usage: true } }),
  );
  const told = chunks.map(({ choices: [choice], karmesh, usage }) => [
    choice?.index,
    choice?.delta.content ?? choice?.finish_reason,
    karmesh?.all?.length,
    usage?.total_tokens,
  ]);
  expect(told).toEqual([
    [0, '', undefined, undefined],
    [1, '', undefined, undefined],
    [1, 'choice 1', undefined, undefined],
    [1, 'stop', undefined, undefined],
    [0, 'choice 0', undefined, undefined],
    [0, 'stop', undefined, undefined],
    [undefined, undefined, 2, 44],
  ]);
});

test('if one choice fails the others are left, and nothing of it is a 5xx of ours', async () => {
  const ended: number[] = [];
  const play: Play = async function* ({ index, signal }) {
    if (index === 1) throw new KarmeshError('QUEUE_FULL', 'The queue is full.');
    try {
      // One is waiting for its reader when it is left, the other for its workers.
      if (index === 0) yield { kind: 'text', text: 'a', outputTokens: 1, usage: undefined };
      await aborted(signal);
    } finally {
      ended.push(index);
    }
  };
  const { post } = testApp({ play });
  const response = await post(chat, { ...hello, n: 3 });
  expect([response.status, await response.json()]).toMatchObject([429, { error: { code: 'rate_limit_exceeded' } }]);
  await expect.poll(() => ended).toHaveLength(2);
});

test('a call of a function is read from the answer', async () => {
  const text = 'Let me see.\n<tool_call>\n{"name": "weather", "arguments": {"city": "Rome"}}\n</tool_call>';
  const { post, asked } = testApp({ play: saying(text, text), options: able });
  const call = {
    id: `call_${toHex(requestIdOf(0)).slice(0, 24)}_0`,
    type: 'function',
    function: { name: 'weather', arguments: '{"city":"Rome"}' },
  };
  const answer = await whole(await post(chat, { ...hello, tools }));
  expect(answer.choices[0]).toMatchObject({
    message: { content: 'Let me see.', tool_calls: [call] },
    finish_reason: 'tool_calls',
  });
  expect(asked[0]?.messages.map(({ role }) => role)).toEqual(['system', 'user']);
  expect(asked[0]?.messages[0]?.content).toContain('"name":"weather"');
  const chunks = await streamed(await post(chat, { ...hello, tools, stream: true }));
  const deltas = chunks.map(({ choices: [choice] }) => choice);
  expect(deltas.map((choice) => choice?.delta.content ?? '').join('')).toBe('Let me see.');
  expect(deltas.at(-2)?.delta.tool_calls).toEqual([
    { index: 0, ...call, id: call.id.replace('a0a0', 'a1a1').replaceAll('a0', 'a1') },
  ]);
  expect(deltas.at(-1)?.finish_reason).toBe('tool_calls');
});

test('a model that calls nothing gives its text, whatever the choice of tools', async () => {
  for (const tool_choice of ['auto', 'required', { type: 'function', function: { name: 'weather' } }]) {
    const { post } = testApp({ play: saying('It rains. <tool_call>{'), options: able });
    const answer = await whole(await post(chat, { ...hello, tools, tool_choice, parallel_tool_calls: false }));
    expect(answer.choices[0]).toMatchObject({
      message: { content: 'It rains. <tool_call>{' },
      finish_reason: 'stop',
    });
  }
});

test('calls and their results are told to any model in the words of the protocol', async () => {
  const { post, asked } = testApp();
  const response = await post(chat, {
    model: 'tiny',
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Weather?', name: 'ann' },
      {
        role: 'assistant',
        content: null,
        tool_calls: [
          { id: 'a', type: 'function', function: { name: 'weather', arguments: '{"city":"Rome"}' } },
          { id: 'b', type: 'function', function: { name: 'weather', arguments: 'no JSON' } },
        ],
      },
      { role: 'tool', tool_call_id: 'a', content: 'sun' },
      { role: 'tool', tool_call_id: 'b', content: [{ type: 'text', text: 'rain' }] },
      { role: 'user', content: 'So?' },
    ],
  });
  expect(response.status).toBe(200);
  expect(asked[0]?.messages).toEqual([
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'Weather?' },
    {
      role: 'assistant',
      content:
        '<tool_call>\n{"name": "weather", "arguments": {"city":"Rome"}}\n</tool_call>\n<tool_call>\n{"name": "weather", "arguments": no JSON}\n</tool_call>',
    },
    { role: 'user', content: '<tool_response>\nsun\n</tool_response>\n<tool_response>\nrain\n</tool_response>' },
    { role: 'user', content: 'So?' },
  ]);
});

test('JSON mode instructs the model, takes a fence off and says whether the form is met', async () => {
  const fenced = '```json\n{"name": "Rome"}\n```';
  const { post, asked } = testApp({ play: saying(fenced, fenced, 'Rome, of course.'), options: able });
  const response_format = {
    type: 'json_schema',
    json_schema: { name: 'city', schema: { type: 'object', required: ['name'] }, strict: true },
  };
  const answer = await whole(await post(chat, { ...hello, response_format }));
  expect([answer.choices[0]?.message.content, answer.karmesh.format]).toEqual(['{"name": "Rome"}', 'met']);
  expect(asked[0]?.messages[0]?.content).toContain('{"type":"object","required":["name"]}');
  const chunks = await streamed(await post(chat, { ...hello, response_format, stream: true }));
  expect(chunks.map(({ choices: [choice] }) => choice?.delta.content ?? '').join('')).toBe('{"name": "Rome"}');
  expect(chunks.at(-1)?.karmesh?.format).toBe('met');
  const unmet = await whole(await post(chat, { ...hello, response_format: { type: 'json_object' } }));
  expect([unmet.choices[0]?.message.content, unmet.karmesh.format]).toEqual(['Rome, of course.', 'unmet']);
});

test('the instruction joins the system message that is there', async () => {
  const { post, asked } = testApp({ options: able });
  const messages = [{ role: 'developer', content: 'Be brief.' }, ...hello.messages];
  await post(chat, { ...hello, messages, response_format: { type: 'json_object' } });
  expect(asked[0]?.messages.length).toBe(2);
  expect(asked[0]?.messages[0]?.content).toMatch(/^Be brief\.\n\nAnswer with one JSON object /);
});

test.each([
  ['a choice of no tools', { tool_choice: 'auto' }, 'tool_choice', null],
  [
    'a choice that is not offered',
    { tools, tool_choice: { type: 'function', function: { name: 'f' } } },
    'tool_choice',
    null,
  ],
  ['two functions of a name', { tools: [...tools, ...tools] }, 'tools', null],
  [
    'a function without a name',
    { tools: [{ type: 'function', function: {} }] },
    'tools[0].function.name',
    'missing_required_parameter',
  ],
  [
    'a name with spaces',
    { tools: [{ type: 'function', function: { name: 'a b' } }] },
    'tools[0].function.name',
    'invalid_value',
  ],
  ['a format of another API', { response_format: { type: 'xml' } }, 'response_format.type', 'invalid_value'],
  [
    'as many messages as fit and a format',
    { messages: Array(1024).fill(hello.messages[0]), response_format: { type: 'json_object' } },
    'messages',
    null,
  ],
])('refuses %s', async (_, body, param, code) => {
  const { post, asked } = testApp({ options: able });
  const response = await post(chat, { ...hello, ...body });
  expect([response.status, await response.json()]).toMatchObject([400, { error: { param, code } }]);
  expect(asked).toEqual([]);
});

test.each([
  [['tiny=json'], { tools }, 'tools'],
  [['tiny=tools'], { response_format: { type: 'json_object' } }, 'response_format'],
  [['huge=json', 'huge=tools'], { response_format: { type: 'json_object' } }, 'response_format'],
])('with the abilities %j it refuses %j', async (abilities, body, param) => {
  const { post } = testApp({ options: { abilities: readAbilities(abilities) } });
  const response = await post(chat, { ...hello, ...body });
  expect([response.status, await response.json()]).toEqual([
    400,
    {
      error: {
        message: `Unsupported parameter: '${param}' is not supported with this model.`,
        type: 'invalid_request_error',
        code: 'unsupported_parameter',
        param,
      },
    },
  ]);
});

test.each([
  ['top_p', 0.9],
  ['frequency_penalty', 1],
  ['presence_penalty', -1],
  ['logit_bias', { 50: 1 }],
  ['logprobs', true],
  ['top_logprobs', 2],
  ['functions', [{ name: 'f' }]],
  ['function_call', 'auto'],
  ['modalities', ['audio']],
  ['reasoning_effort', 'high'],
  ['service_tier', 'flex'],
])('%s is refused where it asks for something', async (param, value) => {
  const { post } = testApp({ options: able });
  const response = await post(chat, { ...hello, [param]: value });
  expect([response.status, await response.json()]).toMatchObject([
    400,
    { error: { param, code: 'unsupported_parameter' } },
  ]);
});

test.each([
  ['model', ['', 7, null, 'x'.repeat(257)]],
  ['messages', [[], {}, 'Hi', [null], [{ role: 'user' }], [{ role: 'user', content: [] }], [{ role: 7, content: '' }]]],
  ['n', [0, 9, 1.5, '2', -1]],
  ['max_tokens', [0, -1, 1.5, 2 ** 31, '5', 512]],
  ['max_completion_tokens', [0, 2 ** 40, true]],
  ['temperature', [-0.1, 2.1, 'hot', Number.NaN]],
  ['stop', ['', [''], ['a', 'b', 'c', 'd', 'e'], 7, 'x'.repeat(257), '\ud800']],
  ['seed', [1.5, 'x', 2 ** 60]],
  ['stream', ['yes', 1]],
  ['stream_options', [{ include_usage: true }, 7]],
  ['user', [7, 'x'.repeat(600)]],
  [
    'metadata',
    [7, { a: 1 }, { a: 'x'.repeat(600) }, Object.fromEntries(Array.from({ length: 17 }, (_, i) => [i, '']))],
  ],
  ['karmesh', [7, { assurance: 'sure' }, { lane: 1 }]],
  ['parallel_tool_calls', ['no']],
])('%s out of its range is a fault of the client', async (param, values) => {
  const { post, asked } = testApp({ options: able });
  for (const value of values) {
    // NaN becomes null in JSON, which is as good as nothing.
    const body = JSON.stringify({ ...hello, [param]: value });
    const { status } = await post(chat, body);
    expect([param, value, status]).toEqual([param, value, Number.isNaN(value) ? 200 : 400]);
  }
  expect(asked.length).toBe(values.filter((value) => Number.isNaN(value)).length);
});

test('a key with a rate is told what is left of its tokens, and refused what it has not', async () => {
  const { post, asked } = testApp({ parts: { rateOf: () => ({ tokens: 250, perMs: 60_000 }) } });
  const body = { model: 'tiny', messages: [{ role: 'user', content: 'Hello you' }], max_tokens: 50, n: 2 };
  const headersOf = (response: Response) =>
    ['limit', 'remaining', 'reset'].map((what) => response.headers.get(`x-ratelimit-${what}-tokens`));
  const whole = await post('/v1/chat/completions', body);
  // Twice the 50 tokens, and the prompt's 9 bytes.
  expect([whole.status, headersOf(whole)]).toEqual([200, ['250', '146', '24.96s']]);
  const stream = await post('/v1/chat/completions', { ...body, stream: true });
  expect([stream.status, headersOf(stream)]).toEqual([200, ['250', '42', '49.92s']]);
  await stream.body?.cancel();
  const refused = await post('/v1/chat/completions', body);
  expect([refused.status, headersOf(refused), refused.headers.get('retry-after')]).toEqual([
    429,
    ['250', '42', '49.92s'],
    '15',
  ]);
  expect(asked).toHaveLength(4);
});

test('of choices one of which fails the error names all that had begun, and the others are told that nobody left them', async () => {
  const reasons: unknown[] = [];
  const play: Play = async function* ({ index, signal }) {
    yield { kind: 'text', text: 'Hello', outputTokens: 1, usage: undefined };
    if (index === 1) throw new KarmeshError('NO_QUORUM', 'No two workers agreed.');
    await aborted(signal);
    reasons.push(signal.reason);
    signal.throwIfAborted();
  };
  const { post } = testApp({ play });
  const body = { model: 'tiny', messages: [{ role: 'user', content: 'Hi' }], n: 2 };
  const requestIds = [0, 1].map((index) => toHex(requestIdOf(index)));
  const failed = await post('/v1/chat/completions', body);
  const error = { message: 'No two workers agreed.', type: 'server_error', code: 'no_quorum', param: null };
  expect([failed.status, await failed.json()]).toEqual([502, { error: { ...error, karmesh: { requestIds } } }]);
  expect(reasons).toMatchObject([{ code: 'NO_QUORUM', message: 'Another choice of the answer failed.' }]);
});
