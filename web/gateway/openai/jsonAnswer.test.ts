import { expect, test } from 'vitest';
import { jsonForm, jsonInstruction } from './jsonAnswer.ts';

const object = { type: 'json_object' as const };
const schema = {
  type: 'json_schema' as const,
  json_schema: {
    name: 'city',
    schema: { type: 'object', required: ['name'], properties: { name: { type: 'string' } } },
  },
};

/** What is shown of `text`, whole and letter by letter, which must be the same. */
function read(text: string, format: typeof object | typeof schema = object) {
  const pieces = [[text], [...text]].map((parts) => {
    const form = jsonForm(format)();
    const shown = parts.map((part) => form.push(part)).join('');
    const end = form.end();
    return { text: shown + end.text, format: end.format };
  });
  expect(pieces[0]).toEqual(pieces[1]);
  return pieces[0];
}

test.each([
  ['{"a": 1}', '{"a": 1}', 'met'],
  [' {"a": 1}\n', ' {"a": 1}\n', 'met'],
  ['```json\n{"a": "`"}\n```', '{"a": "`"}', 'met'],
  ['\n```\n{"a": 1}\n```  \n', '{"a": 1}', 'met'],
  ['```json\n{"a": 1}', '{"a": 1}', 'met'],
  ['[1]', '[1]', 'unmet'],
  ['{"a": 1', '{"a": 1', 'unmet'],
  ['Sure! {"a": 1}', 'Sure! {"a": 1}', 'unmet'],
  ['```json\n{"a": 1}\n``` There you are.', '{"a": 1}\n``` There you are.', 'unmet'],
  ['``', '``', 'unmet'],
  ['', '', 'unmet'],
  [`{"a":${'['.repeat(500)}${']'.repeat(500)}}`, `{"a":${'['.repeat(500)}${']'.repeat(500)}}`, 'unmet'],
])('shows %j as %j: %s', (text, shown, format) => {
  expect(read(text)).toEqual({ text: shown, format });
});

test('a schema is checked', () => {
  expect(read('{"name": "Paris"}', schema)?.format).toBe('met');
  expect(read('{"name": 1}', schema)?.format).toBe('unmet');
});

test('text that is no fence is shown as it comes', () => {
  const form = jsonForm(object)();
  expect(['{"a', '": 1', '}'].map((part) => form.push(part))).toEqual(['{"a', '": 1', '}']);
});

test('the model is told the schema', () => {
  expect(jsonInstruction(schema)).toMatchInlineSnapshot(`
    "Answer with one JSON value, city, and nothing else: no sentence before or after it, no code fence. It must fit this JSON Schema:
    {"type":"object","required":["name"],"properties":{"name":{"type":"string"}}}"
  `);
  expect(jsonInstruction({ type: 'text' })).toBeUndefined();
});
