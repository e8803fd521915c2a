import { expect, test } from 'vitest';
import { plainForm } from './answerForm.ts';
import { toolForm } from './toolCalls.ts';
import { type ToolUse, toolInstruction } from './toolPrompt.ts';

const parameters = { type: 'object', required: ['city'], properties: { city: { type: 'string' } } };
const use: ToolUse = {
  tools: [
    { type: 'function', function: { name: 'weather', description: 'The weather of a city.', parameters } },
    { type: 'function', function: { name: 'exact', parameters, strict: true } },
  ],
  choice: 'auto',
  isParallel: true,
};

/** What is shown and called, whole and letter by letter, which must be the same. */
function read(text: string, more: Partial<ToolUse> = {}) {
  const [whole, letters] = [[text], [...text]].map((parts) => {
    const form = toolForm({ ...use, ...more }, plainForm)();
    const shown = parts.map((part) => form.push(part)).join('');
    const end = form.end();
    return { text: shown + end.text, calls: end.toolCalls };
  });
  expect(letters).toEqual(whole);
  return whole;
}

const paris = '<tool_call>\n{"name": "weather", "arguments": {"city": "Paris"}}\n</tool_call>';
const call = { name: 'weather', arguments: '{"city":"Paris"}' };

test.each([
  ['one call', paris, '', [call]],
  ['words before it', `Let me see.\n\n${paris}`, 'Let me see.', [call]],
  ['two calls', `${paris}\n${paris}\n`, '', [call, call]],
  ['a call whose tag is not closed', paris.slice(0, -12), '', [call]],
  ['arguments as text', paris.replace('{"city": "Paris"}', '"{\\"city\\": \\"Paris\\"}"'), '', [call]],
  ['a strict call', paris.replace('weather', 'exact'), '', [{ ...call, name: 'exact' }]],
])('reads %s', (_, text, shown, calls) => {
  expect(read(text)).toEqual({ text: shown, calls });
});

test.each([
  ['words alone', 'It is 3 < 4, I <tool> think.\n'],
  ['the beginning of a tag', 'a <tool_ca'],
  ['a function that was not offered', paris.replace('weather', 'launch')],
  ['arguments that are no object', paris.replace('{"city": "Paris"}', '[1]')],
  ['no JSON', '<tool_call>weather(Paris)</tool_call>'],
  ['words after it', `${paris}\nThat was it.`],
  ['a strict call that does not fit', paris.replace('weather', 'exact').replace('"Paris"', '7')],
  ['a nest', `<tool_call>{"name":"weather","arguments":{"a":${'['.repeat(9000)}${']'.repeat(9000)}}}</tool_call>`],
  ['a prototype', '<tool_call>{"__proto__":{"name":"weather"}}</tool_call>'],
])('gives %s as text', (_, text) => {
  expect(read(text)).toEqual({ text, calls: [] });
});

test('takes the first call alone where the client wants one', () => {
  expect(read(`${paris}${paris}`, { isParallel: false })?.calls).toEqual([call]);
});

test('shows words at once, and holds nothing back but what may become a call', () => {
  const form = toolForm(use, plainForm)();
  expect(['a ', '<b', ' <tool', '_call', '>{'].map((part) => form.push(part))).toEqual(['a', ' <b', '', '', '']);
});

test('the model is told the functions', () => {
  const [tool] = use.tools;
  expect(
    toolInstruction({ tools: tool === undefined ? [] : [tool], choice: 'required', isParallel: false }),
  ).toMatchInlineSnapshot(`
    "# Tools

    You must call one or more functions to assist with the user query.
    Call one function only.

    You are provided with function signatures within <tools></tools> XML tags:
    <tools>
    {"type":"function","function":{"name":"weather","description":"The weather of a city.","parameters":{"type":"object","required":["city"],"properties":{"city":{"type":"string"}}}}}
    </tools>

    For each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:
    <tool_call>
    {"name": <function-name>, "arguments": <args-json-object>}
    </tool_call>"
  `);
});
