import { REQUEST_LIMITS } from '@karmesh/sdk/protocol';
import { z } from 'zod';
import { nullish, sharedParameters, unsupportedShared } from './parameters.ts';

const MAX_TOOLS = 128;

const text = z.string();
const textParts = z.array(z.strictObject({ type: z.literal('text'), text })).min(1);
const content = z.union([text, textParts]);
/** A template has no place for it; clients send it, and no open engine shows it to the model. */
const name = nullish(z.string().max(256));
const functionName = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/);

const toolCall = z.strictObject({
  id: z.string().min(1).max(256),
  type: z.literal('function'),
  function: z.strictObject({
    name: functionName,
    arguments: z.string().meta({ description: 'A JSON object as text.' }),
  }),
});

// What an answer of this API carries besides its text, since clients append it to the conversation as it came.
const emptyLeftovers = {
  refusal: z.null().optional(),
  audio: z.null().optional(),
  function_call: z.null().optional(),
  annotations: z.array(z.never()).optional(),
};
const message = z.discriminatedUnion('role', [
  z.strictObject({ role: z.enum(['system', 'developer', 'user']), content, name }),
  z.strictObject({
    role: z.literal('assistant'),
    content: nullish(content),
    name,
    ...emptyLeftovers,
    tool_calls: nullish(z.array(toolCall).max(MAX_TOOLS)),
  }),
  z.strictObject({ role: z.literal('tool'), content, tool_call_id: z.string().min(1).max(256), name }),
]);
export type RequestMessage = z.output<typeof message>;

const tool = z.strictObject({
  type: z.literal('function'),
  function: z.strictObject({
    name: functionName,
    description: nullish(z.string()),
    parameters: nullish(z.record(z.string(), z.unknown())),
    strict: nullish(z.boolean()),
  }),
});
export type RequestTool = z.output<typeof tool>;

const toolChoice = z.union([
  z.enum(['none', 'auto', 'required']),
  z.strictObject({ type: z.literal('function'), function: z.strictObject({ name: functionName }) }),
]);
export type RequestToolChoice = z.output<typeof toolChoice>;

const responseFormat = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text') }),
  z.strictObject({ type: z.literal('json_object') }),
  z.strictObject({
    type: z.literal('json_schema'),
    json_schema: z.strictObject({
      name: functionName,
      description: nullish(z.string()),
      schema: nullish(z.record(z.string(), z.unknown())),
      strict: nullish(z.boolean()),
    }),
  }),
]);
export type ResponseFormat = z.output<typeof responseFormat>;

/** `POST /v1/chat/completions`: parameters that the market implements, or can honour because they ask for nothing that it does not do anyway. */
export const chatSchema = z.strictObject({
  ...sharedParameters,
  messages: z.array(message).min(1).max(REQUEST_LIMITS.messages),
  max_completion_tokens: sharedParameters.max_tokens,
  tools: nullish(z.array(tool).max(MAX_TOOLS)),
  tool_choice: nullish(toolChoice),
  parallel_tool_calls: nullish(z.boolean()),
  response_format: nullish(responseFormat),
  // Statements about the client, which change no answer.
  safety_identifier: nullish(z.string().max(512)),
  prompt_cache_key: nullish(z.string().max(512)),
  prompt_cache_retention: nullish(z.string().max(64)),
  store: nullish(z.boolean()),
  service_tier: nullish(z.enum(['auto', 'default'])),
  // Accepted at the one value that changes nothing.
  logprobs: nullish(z.literal(false)),
  functions: nullish(z.array(z.never())),
  function_call: nullish(z.literal('none')),
  modalities: nullish(z.tuple([z.literal('text')])),
  top_logprobs: z.null().optional(),
  audio: z.null().optional(),
  prediction: z.null().optional(),
  reasoning_effort: z.null().optional(),
  verbosity: z.null().optional(),
  web_search_options: z.null().optional(),
});

/** Parameters with other values elsewhere, which are not to be had here. */
export const unsupportedInChat: ReadonlySet<string> = new Set([
  ...unsupportedShared,
  'functions',
  'function_call',
  'modalities',
  'top_logprobs',
  'audio',
  'prediction',
  'reasoning_effort',
  'verbosity',
  'web_search_options',
  'service_tier',
]);
