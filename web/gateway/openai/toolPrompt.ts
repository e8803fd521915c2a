import type { ChatMessage } from '@karmesh/sdk/protocol';
import type { RequestMessage, RequestTool, RequestToolChoice } from './chatSchema.ts';

// The protocol knows roles and text (F-10), so that tools are told as text, in the form that Hermes and Qwen models were trained on
// (https://github.com/NousResearch/Hermes-Function-Calling).

export const CALL = { open: '<tool_call>', close: '</tool_call>' };

export type ToolUse = {
  /** At least one. */
  readonly tools: readonly RequestTool[];
  readonly choice: Exclude<RequestToolChoice, 'none'>;
  /** Whether an answer may have several calls. */
  readonly isParallel: boolean;
};

/** What the model is told of the functions that it may call. */
export function toolInstruction({ tools, choice, isParallel }: ToolUse): string {
  const must =
    choice === 'auto'
      ? 'You may call one or more functions to assist with the user query.'
      : choice === 'required'
        ? 'You must call one or more functions to assist with the user query.'
        : `You must call the function ${choice.function.name} to assist with the user query.`;
  return [
    '# Tools',
    '',
    must,
    ...(isParallel ? [] : ['Call one function only.']),
    '',
    'You are provided with function signatures within <tools></tools> XML tags:',
    '<tools>',
    ...tools.map(({ type, function: { name, description, parameters } }) =>
      JSON.stringify({
        type,
        function: {
          name,
          description: description ?? '',
          parameters: parameters ?? { type: 'object', properties: {} },
        },
      }),
    ),
    '</tools>',
    '',
    `For each function call, return a json object with function name and arguments within ${CALL.open}${CALL.close} XML tags:`,
    CALL.open,
    '{"name": <function-name>, "arguments": <args-json-object>}',
    CALL.close,
  ].join('\n');
}

/** The conversation in the protocol's roles: calls as text of the assistant, results as text of the user, as those models know them. */
export function renderMessages(messages: readonly RequestMessage[]): ChatMessage[] {
  const rendered: ChatMessage[] = [];
  let isAfterResult = false;
  for (const message of messages) {
    const isResult = message.role === 'tool';
    const before = rendered.at(-1);
    if (isResult && isAfterResult && before !== undefined) {
      // Results of calls that were made together belong into one message.
      rendered[rendered.length - 1] = { ...before, content: `${before.content}\n${contentOf(message)}` };
    } else {
      rendered.push({ role: roleOf(message.role), content: contentOf(message) });
    }
    isAfterResult = isResult;
  }
  return rendered;
}

function roleOf(role: RequestMessage['role']): ChatMessage['role'] {
  if (role === 'developer') return 'system';
  return role === 'tool' ? 'user' : role;
}

function contentOf(message: RequestMessage): string {
  const { content } = message;
  const text = typeof content === 'string' ? content : (content ?? []).map((part) => part.text).join('');
  if (message.role === 'tool') return `<tool_response>\n${text}\n</tool_response>`;
  if (message.role !== 'assistant' || message.tool_calls == null) return text;
  const calls = message.tool_calls.map(
    // As the client sent them, since these are the words that the model is to see again.
    ({ function: call }) =>
      `${CALL.open}\n{"name": ${JSON.stringify(call.name)}, "arguments": ${call.arguments}}\n${CALL.close}`,
  );
  return [...(text === '' ? [] : [text]), ...calls].join('\n');
}

/** The conversation with `instruction` at the end of its first system message, or in one of its own before all others. */
export function instructed(messages: readonly ChatMessage[], instruction: string): ChatMessage[] {
  const [first, ...rest] = messages;
  if (first?.role !== 'system') return [{ role: 'system', content: instruction }, ...messages];
  const content = first.content === '' ? instruction : `${first.content}\n\n${instruction}`;
  return [{ role: 'system', content }, ...rest];
}
