import { expect, test } from 'vitest';
import { doneOf, eventsOf, type Play, testApp } from '../fixtures/testApp.ts';
import { textChunkSchema, textCompletionSchema } from '../openai/responseSchemas.ts';

const path = '/v1/completions';

const echoing: Play = async function* ({ request, index }) {
  yield { kind: 'text', text: `${request.messages[0]?.content}`, outputTokens: 1, usage: undefined };
  yield { kind: 'text', text: `! ${index}`, outputTokens: 1, usage: undefined };
  yield doneOf(index, { finishReason: 'length' });
};

test('each text has n choices, and goes to the model as a message of the user', async () => {
  const { post, asked } = testApp({ play: echoing });
  const response = await post(path, { model: 'tiny', prompt: ['a', 'b'], n: 2, max_tokens: 5, stop: 'x', echo: false });
  expect(response.status).toBe(200);
  const answer = textCompletionSchema.parse(await response.json());
  expect(answer.choices).toEqual(
    ['a! 0', 'a! 1', 'b! 2', 'b! 3'].map((text, index) => ({ index, text, logprobs: null, finish_reason: 'length' })),
  );
  expect(answer.usage.completion_tokens).toBe(8);
  expect(asked[3]).toMatchObject({ messages: [{ role: 'user', content: 'b' }], maxTokens: 5, stops: ['x'] });
});

test('it streams, with the evidence in the last chunk', async () => {
  const { post } = testApp({ play: echoing });
  for (const include_usage of [false, true]) {
    const response = await post(path, { model: 'tiny', prompt: 'a', stream: true, stream_options: { include_usage } });
    const events = eventsOf(await response.text());
    expect(events.pop()).toBe('[DONE]');
    const chunks = events.map((event) => textChunkSchema.parse(JSON.parse(event)));
    expect(chunks.map(({ choices: [choice] }) => [choice?.text, choice?.finish_reason])).toEqual([
      ['a', null],
      [expect.stringMatching(/^! \d$/), null],
      ['', 'length'],
      ...(include_usage ? [[undefined, undefined]] : []),
    ]);
    expect(chunks.map(({ karmesh }) => karmesh !== undefined).lastIndexOf(true)).toBe(chunks.length - 1);
    expect(chunks.at(-1)?.usage?.total_tokens).toBe(include_usage ? 22 : undefined);
  }
});

test.each([
  [{ prompt: '' }, 'prompt', 'invalid_value'],
  [{}, 'prompt', 'missing_required_parameter'],
  [{ prompt: [1, 2] }, 'prompt[0]', 'invalid_value'],
  [{ prompt: ['a', 'b', 'c'], n: 3 }, 'n', null],
  [{ prompt: 'a', echo: true }, 'echo', 'unsupported_parameter'],
  [{ prompt: 'a', best_of: 2 }, 'best_of', 'unsupported_parameter'],
  [{ prompt: 'a', suffix: 'b' }, 'suffix', 'unsupported_parameter'],
  [{ prompt: 'a', logprobs: 2 }, 'logprobs', 'unsupported_parameter'],
  [{ prompt: 'a', messages: [] }, 'messages', 'unknown_parameter'],
])('refuses %j', async (body, param, code) => {
  const { post, asked } = testApp();
  const response = await post(path, { model: 'tiny', ...body });
  expect([response.status, await response.json()]).toMatchObject([400, { error: { param, code } }]);
  expect(asked).toEqual([]);
});

test('embeddings are refused in so many words, after what is wrong with the request', async () => {
  const { post } = testApp();
  const refused = await post('/v1/embeddings', { model: 'tiny', input: ['a'] });
  expect([refused.status, await refused.json()]).toEqual([
    400,
    {
      error: {
        message:
          'Embeddings are not sold here: no engine of this market gives them, and the protocol has no receipt for them.',
        type: 'invalid_request_error',
        code: 'unsupported',
        param: null,
      },
    },
  ]);
  const wrong = await post('/v1/embeddings', { model: 'tiny' });
  expect([wrong.status, await wrong.json()]).toMatchObject([400, { error: { param: 'input' } }]);
});
