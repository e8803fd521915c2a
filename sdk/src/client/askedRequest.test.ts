import { expect, test } from 'vitest';
import { readAsked } from './askedRequest.ts';

const asked = {
  conversations: [[{ role: 'user', content: 'Hi' }]],
  model: 'tiny',
  assurance: 'quorum',
  maxTokens: undefined,
  temperatureMicro: 1_000_000,
  stops: [],
  lane: undefined,
  quote: undefined,
};
const chat = { model: 'tiny', messages: [{ role: 'user', content: 'Hi' }] };
const read = (body: object, header: string | null = null) => readAsked(JSON.stringify(body), header);

test('reads what a buyer asked, with the gateway’s defaults', () => {
  expect(read(chat)).toEqual(asked);
  expect(read({ model: 'tiny', prompt: 'Hi' })).toEqual(asked);
  expect(read(chat, 'proof')).toEqual({ ...asked, assurance: 'proof' });
  const karmesh = { assurance: 'quorum', lane: 'gold' };
  const more = { stream: true, max_completion_tokens: 9, temperature: 0.25, stop: 'x', karmesh };
  expect(read({ ...chat, ...more }, 'proof')).toEqual({
    ...asked,
    maxTokens: 9,
    temperatureMicro: 250_000,
    stops: ['x'],
    lane: 'gold',
  });
  expect(read({ ...chat, stream: true, karmesh: { quote: 'ab' } })).toEqual({
    ...asked,
    assurance: 'stream',
    quote: 'ab',
  });
});

test('each choice has its conversation', () => {
  const words = (content: string) => [{ role: 'user', content }];
  expect(read({ model: 'tiny', prompt: ['a', 'b'], n: 2 })?.conversations).toEqual(['a', 'a', 'b', 'b'].map(words));
  const parts = [
    { type: 'text', text: 'a' },
    { type: 'text', text: 'b' },
  ];
  const messages = [
    { role: 'developer', content: 'Be brief.' },
    { role: 'user', content: parts },
  ];
  expect(read({ ...chat, messages, n: 2 })?.conversations).toEqual(
    Array.from({ length: 2 }, () => [{ role: 'system', content: 'Be brief.' }, ...words('ab')]),
  );
});

test('what the gateway puts into words of its own is not compared', () => {
  const tools = [{ type: 'function', function: { name: 'f' } }];
  expect(read({ ...chat, tools })?.conversations).toEqual([undefined]);
  expect(read({ ...chat, tools, tool_choice: 'none' })).toEqual(asked);
  expect(read({ ...chat, response_format: { type: 'json_object' } })?.conversations).toEqual([undefined]);
  const messages = [...chat.messages, { role: 'tool', tool_call_id: 'x', content: 'sun' }];
  expect(read({ ...chat, messages })?.conversations).toEqual([undefined]);
});

test('what is no request is none', () => {
  expect([readAsked('{', null), read({ messages: [] }), read({ ...chat, n: 0 })]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});
