import { expect, test } from 'vitest';
import { testApp } from '../fixtures/testApp.ts';
import { parseJson } from './parseJson.ts';

const parsed = (text: string): unknown => parseJson(Buffer.from(text));
const listOf = (count: number): string => `[${Array(count).fill('1').join()}]`;

test('a body has so many values, and not one more', () => {
  expect(parsed(listOf(49_999))).toHaveLength(49_999);
  for (const more of [listOf(50_000), `[{"a":${listOf(20_000)}},${listOf(30_000)}]`])
    expect(() => parsed(more)).toThrow('The body of the request has more than 50000 values.');
});

test.each([
  ['parts of a text', `{"role":"user","content":${listOf(300_000)}}`],
  ['annotations', `{"role":"assistant","annotations":${listOf(300_000)}}`],
])('a message of endless %s is the fault of who sent it', async (_, message) => {
  const { post } = testApp({ options: { maxBodyBytes: 2_000_000 } });
  const response = await post('/v1/chat/completions', `{"model":"tiny","messages":[${message}]}`);
  expect([response.status, await response.json()]).toMatchObject([400, { error: { type: 'invalid_request_error' } }]);
});
