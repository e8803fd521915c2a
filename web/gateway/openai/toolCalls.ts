import type { AnswerForm, ToolCall } from './answerForm.ts';
import { jsonFits } from './jsonFits.ts';
import { isDeeper, MAX_DEPTH } from './parseJson.ts';
import { CALL, type ToolUse } from './toolPrompt.ts';

/**
 * Shows text as it comes until the first tag of a call, and reads what follows once the answer has ended. What is no list of calls of
 * known functions with a JSON object each is text like any other, and so is a call that does not fit the parameters of a function
 * with `strict`.
 */
export const toolForm = (use: ToolUse, rest: () => AnswerForm) => (): AnswerForm => {
  const inner = rest();
  let held = '';
  let isCall = false;
  return {
    push(text) {
      held += text;
      if (isCall) return '';
      const tag = held.indexOf(CALL.open);
      isCall = tag >= 0;
      const shown = held.slice(0, isCall ? tag : partOfTag(held)).trimEnd();
      held = held.slice(shown.length);
      return inner.push(shown);
    },
    end() {
      const toolCalls = isCall ? readCalls(held.trim(), use) : [];
      if (toolCalls.length > 0) return { text: inner.end().text, toolCalls, format: undefined };
      const text = inner.push(held);
      const end = inner.end();
      return { ...end, text: text + end.text };
    },
  };
};

/** Where the longest end of `text` begins that the tag of a call may grow from. */
function partOfTag(text: string): number {
  for (let length = Math.min(CALL.open.length - 1, text.length); length > 0; length--) {
    if (text.endsWith(CALL.open.slice(0, length))) return text.length - length;
  }
  return text.length;
}

/** No calls unless all of `text` is calls. The last one's closing tag may be missing: some models end with their JSON. */
function readCalls(text: string, { tools, isParallel }: ToolUse): readonly ToolCall[] {
  const [before, ...parts] = text.split(CALL.open);
  if (before !== '') return [];
  const calls = parts.map((part) => {
    const body = part.trim();
    return readCall(body.endsWith(CALL.close) ? body.slice(0, -CALL.close.length) : body, tools);
  });
  if (!calls.every((call) => call !== undefined)) return [];
  return isParallel ? calls : calls.slice(0, 1);
}

function readCall(text: string, tools: ToolUse['tools']): ToolCall | undefined {
  const call = parsed(text);
  if (!isObject(call) || typeof call.name !== 'string') return undefined;
  const given = typeof call.arguments === 'string' ? parsed(call.arguments) : call.arguments;
  const tool = tools.find(({ function: { name } }) => name === call.name)?.function;
  if (tool === undefined || !isObject(given) || isDeeper(given, MAX_DEPTH)) return undefined;
  if (tool.strict === true && !jsonFits(given, tool.parameters ?? {})) return undefined;
  return { name: call.name, arguments: JSON.stringify(given) };
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
