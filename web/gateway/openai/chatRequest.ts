import { type ChatMessage, REQUEST_LIMITS } from '@karmesh/sdk/protocol';
import type { z } from 'zod';
import { plainForm } from './answerForm.ts';
import type { AnswerRequest } from './answerRequest.ts';
import { invalidRequest } from './apiError.ts';
import { chatSchema, type ResponseFormat, unsupportedInChat } from './chatSchema.ts';
import { explainIssue } from './explainIssue.ts';
import { jsonForm, jsonInstruction } from './jsonAnswer.ts';
import { boundedText, readShared } from './parameters.ts';
import { toolForm } from './toolCalls.ts';
import { instructed, renderMessages, type ToolUse, toolInstruction } from './toolPrompt.ts';

type Data = z.output<typeof chatSchema>;

/**
 * Parses the body of `POST /v1/chat/completions`. `assuranceHeader` is the value of `x-karmesh-assurance`; the body's field wins.
 *
 * @throws ApiError 400 with the parameter at fault.
 */
export function parseChatRequest(body: unknown, assuranceHeader: string | undefined): AnswerRequest {
  const parsed = chatSchema.safeParse(body);
  if (!parsed.success) throw explainIssue(body, parsed.error, unsupportedInChat);
  const { data } = parsed;
  if (data.max_tokens != null && data.max_completion_tokens != null && data.max_tokens !== data.max_completion_tokens) {
    throw invalidRequest("'max_tokens' and 'max_completion_tokens' differ; set one of them.", 'max_tokens');
  }
  const use = toolUseOf(data);
  const format = data.response_format ?? undefined;
  const isJson = format !== undefined && format.type !== 'text';
  const answer = isJson ? jsonForm(format) : plainForm;
  const conversation = conversationOf(data, { use, format });
  return {
    ...readShared(data, assuranceHeader),
    conversations: Array.from({ length: data.n ?? 1 }, () => conversation),
    maxTokens: data.max_completion_tokens ?? data.max_tokens ?? undefined,
    needs: [
      ...(use === undefined ? [] : [{ ability: 'tools' as const, param: 'tools' }]),
      ...(isJson ? [{ ability: 'json' as const, param: 'response_format' }] : []),
    ],
    form: use === undefined ? answer : toolForm(use, answer),
  };
}

/** @throws ApiError 400 for a choice among tools that are not there. */
function toolUseOf({ tools, tool_choice, parallel_tool_calls }: Data): ToolUse | undefined {
  const offered = tools ?? [];
  const choice = tool_choice ?? 'auto';
  if (offered.length === 0) {
    if (tool_choice != null && tool_choice !== 'none') {
      throw invalidRequest("'tool_choice' is only allowed when 'tools' are specified.", 'tool_choice');
    }
    return undefined;
  }
  const names = offered.map(({ function: { name } }) => name);
  if (new Set(names).size < names.length) throw invalidRequest('Two functions have the same name.', 'tools');
  if (choice === 'none') return undefined;
  if (typeof choice !== 'string' && !names.includes(choice.function.name)) {
    throw invalidRequest(`Tool choice '${choice.function.name}' not found in 'tools' parameter.`, 'tool_choice');
  }
  return { tools: offered, choice, isParallel: parallel_tool_calls ?? true };
}

function conversationOf(
  { messages }: Data,
  asked: { readonly use: ToolUse | undefined; readonly format: ResponseFormat | undefined },
): readonly ChatMessage[] {
  messages.forEach((message, index) => {
    if (message.role === 'assistant' && message.content == null && (message.tool_calls ?? []).length === 0) {
      const param = `messages[${index}].content`;
      throw invalidRequest(`Missing required parameter: '${param}'.`, param, 'missing_required_parameter');
    }
  });
  const rendered = renderMessages(messages);
  const instruction = [asked.use === undefined ? undefined : toolInstruction(asked.use), jsonInstruction(asked.format)]
    .filter((part) => part !== undefined)
    .join('\n\n');
  const whole = instruction === '' ? rendered : instructed(rendered, instruction);
  if (whole.length > REQUEST_LIMITS.messages) {
    throw invalidRequest(
      `At most ${REQUEST_LIMITS.messages} messages fit, with one that tells the tools or the format.`,
      'messages',
    );
  }
  return whole.map(({ role, content }, index) => ({
    role,
    content: boundedText(content, REQUEST_LIMITS.contentBytes, `messages[${index}].content`),
  }));
}
