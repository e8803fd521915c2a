import { type Assurance, type ChatMessage, REQUEST_LIMITS } from '@karmesh/sdk/protocol';
import { z } from 'zod';
import { type ApiError, invalidRequest } from './apiError.ts';

export type ChatRequest = {
  readonly model: string;
  readonly messages: readonly ChatMessage[];
  readonly stream: boolean;
  readonly includeUsage: boolean;
  /** Undefined where the client leaves it to the gateway. */
  readonly maxTokens: number | undefined;
  readonly temperatureMicro: number;
  readonly stops: readonly string[];
  readonly assurance: Assurance;
};

const MAX_TOKENS = 2 ** 31 - 1;
/** OpenAI's default. */
const DEFAULT_TEMPERATURE = 1;
const MAX_TEMPERATURE = 2;

const text = z.string();
const textParts = z.array(z.strictObject({ type: z.literal('text'), text })).min(1);
const content = z.union([text, textParts]);
// What an answer of this API carries besides its text, since clients append it to the conversation as it came.
const emptyLeftovers = {
  refusal: z.null().optional(),
  audio: z.null().optional(),
  function_call: z.null().optional(),
  annotations: z.array(z.never()).optional(),
  tool_calls: z.union([z.null(), z.array(z.never())]).optional(),
};
const message = z.discriminatedUnion('role', [
  z.strictObject({ role: z.enum(['system', 'developer', 'user']), content }),
  z.strictObject({ role: z.literal('assistant'), content, ...emptyLeftovers }),
]);

const assurance = z.enum(['stream', 'quorum', 'proof']);
const nullish = <T extends z.ZodType>(schema: T) => schema.nullish();
const stop = z.string().min(1);

/** Parameters that the market implements, or can honour because they ask for nothing that it does not do anyway. */
const schema = z.strictObject({
  model: z.string().min(1).max(256),
  messages: z.array(message).min(1).max(REQUEST_LIMITS.messages),
  stream: nullish(z.boolean()),
  stream_options: nullish(
    z.strictObject({ include_usage: z.boolean().optional(), include_obfuscation: z.boolean().optional() }),
  ),
  max_tokens: nullish(z.int().min(1).max(MAX_TOKENS)),
  max_completion_tokens: nullish(z.int().min(1).max(MAX_TOKENS)),
  temperature: nullish(z.number().min(0).max(MAX_TEMPERATURE)),
  stop: nullish(z.union([stop, z.array(stop).max(REQUEST_LIMITS.stops)])),
  karmesh: nullish(z.strictObject({ assurance: assurance.optional() })),
  // Statements about the client, which change no answer. A seed is best effort by OpenAI's own definition; every answer here
  // is sampled by a counter keyed with its request id.
  user: nullish(z.string()),
  safety_identifier: nullish(z.string()),
  prompt_cache_key: nullish(z.string()),
  prompt_cache_retention: nullish(z.string()),
  metadata: nullish(z.record(z.string(), z.string())),
  store: nullish(z.boolean()),
  seed: nullish(z.int()),
  parallel_tool_calls: nullish(z.boolean()),
  service_tier: nullish(z.enum(['auto', 'default'])),
  // Accepted at the one value that changes nothing.
  n: nullish(z.literal(1)),
  top_p: nullish(z.literal(1)),
  frequency_penalty: nullish(z.literal(0)),
  presence_penalty: nullish(z.literal(0)),
  logprobs: nullish(z.literal(false)),
  logit_bias: nullish(z.strictObject({})),
  tools: nullish(z.array(z.never())),
  tool_choice: nullish(z.literal('none')),
  functions: nullish(z.array(z.never())),
  function_call: nullish(z.literal('none')),
  response_format: nullish(z.strictObject({ type: z.literal('text') })),
  modalities: nullish(z.tuple([z.literal('text')])),
  top_logprobs: z.null().optional(),
  audio: z.null().optional(),
  prediction: z.null().optional(),
  reasoning_effort: z.null().optional(),
  verbosity: z.null().optional(),
  web_search_options: z.null().optional(),
});

const unsupported: ReadonlySet<string> = new Set([
  'n',
  'top_p',
  'frequency_penalty',
  'presence_penalty',
  'logprobs',
  'logit_bias',
  'tools',
  'tool_choice',
  'functions',
  'function_call',
  'response_format',
  'modalities',
  'top_logprobs',
  'audio',
  'prediction',
  'reasoning_effort',
  'verbosity',
  'web_search_options',
  'service_tier',
]);

/**
 * Parses the body of `POST /v1/chat/completions`. `assuranceHeader` is the value of `x-karmesh-assurance`; the body's field wins.
 *
 * @throws ApiError 400 with the parameter at fault.
 */
export function parseChatRequest(body: unknown, assuranceHeader: string | undefined): ChatRequest {
  const parsed = schema.safeParse(body);
  if (!parsed.success) throw explain(body, parsed.error);
  const { data } = parsed;
  if (data.max_tokens != null && data.max_completion_tokens != null && data.max_tokens !== data.max_completion_tokens) {
    throw invalidRequest("'max_tokens' and 'max_completion_tokens' differ; set one of them.", 'max_tokens');
  }
  if (data.stream_options != null && data.stream !== true) {
    throw invalidRequest("'stream_options' is only allowed when 'stream' is enabled.", 'stream_options');
  }
  const header = assurance.optional().safeParse(assuranceHeader);
  if (!header.success)
    throw invalidRequest(
      "The header 'x-karmesh-assurance' must be 'stream', 'quorum' or 'proof'.",
      'karmesh.assurance',
    );
  const stream = data.stream ?? false;
  const stops = data.stop == null ? [] : typeof data.stop === 'string' ? [data.stop] : data.stop;
  return {
    model: data.model,
    messages: data.messages.map((each, index) => ({
      role: each.role === 'developer' ? 'system' : each.role,
      content: bounded(
        typeof each.content === 'string' ? each.content : each.content.map((part) => part.text).join(''),
        REQUEST_LIMITS.contentBytes,
        `messages[${index}].content`,
      ),
    })),
    stream,
    includeUsage: data.stream_options?.include_usage ?? false,
    maxTokens: data.max_completion_tokens ?? data.max_tokens ?? undefined,
    temperatureMicro: Math.round((data.temperature ?? DEFAULT_TEMPERATURE) * 1_000_000),
    stops: stops.map((each) => bounded(each, REQUEST_LIMITS.stopBytes, 'stop')),
    assurance: data.karmesh?.assurance ?? header.data ?? (stream ? 'stream' : 'quorum'),
  };
}

/** A text that has a UTF-8 form of at most `max` bytes, as the canonical request needs it. */
function bounded(value: string, max: number, param: string): string {
  if (!value.isWellFormed()) throw invalidRequest(`Invalid '${param}': the text is not valid Unicode.`, param);
  const bytes = Buffer.byteLength(value, 'utf8');
  if (bytes > max)
    throw invalidRequest(
      `Invalid '${param}': the text has ${bytes} bytes, and at most ${max} are allowed.`,
      param,
      'string_above_max_length',
    );
  return value;
}

/** The first issue in OpenAI's words: which parameter, and whether it is unknown, unsupported or of a wrong value. */
function explain(body: unknown, error: z.ZodError): ApiError {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return invalidRequest('The body of the request must be a JSON object.', null);
  }
  const issue = deepest(error.issues[0]);
  if (issue === undefined) return invalidRequest('The request is invalid.', null);
  const path = dotted(issue.path);
  const top = issue.path[0];
  if (issue.code === 'unrecognized_keys') {
    const key = [path, issue.keys[0]].filter((part) => part !== '').join('.');
    return invalidRequest(`Unrecognized request argument supplied: ${key}`, key, 'unknown_parameter');
  }
  if (typeof top === 'string' && unsupported.has(top)) {
    return invalidRequest(
      `Unsupported parameter: '${top}' is not supported by this market with this value.`,
      top,
      'unsupported_parameter',
    );
  }
  if (issue.input === undefined && issue.code === 'invalid_type' && at(body, issue.path) === undefined) {
    return invalidRequest(`Missing required parameter: '${path}'.`, path, 'missing_required_parameter');
  }
  return invalidRequest(`Invalid value for '${path}': ${issue.message}.`, path, 'invalid_value');
}

/** The branch of a union that got furthest says best what is wrong. */
function deepest(
  issue: z.core.$ZodIssue | undefined,
  above: readonly PropertyKey[] = [],
): z.core.$ZodIssue | undefined {
  if (issue === undefined) return undefined;
  const path = [...above, ...issue.path];
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const branches = issue.errors.map((branch) => deepest(branch[0], path));
    const furthest = branches.reduce((a, b) => ((b?.path.length ?? 0) > (a?.path.length ?? 0) ? b : a));
    if (furthest !== undefined && furthest.path.length > path.length) return furthest;
  }
  return { ...issue, path };
}

function dotted(path: readonly PropertyKey[]): string {
  return path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : index === 0 ? String(part) : `.${String(part)}`))
    .join('');
}

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  let current = value;
  for (const part of path) {
    if (typeof current !== 'object' || current === null) return undefined;
    current = (current as Readonly<Record<PropertyKey, unknown>>)[part];
  }
  return current;
}
