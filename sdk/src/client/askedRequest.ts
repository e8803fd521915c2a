import { z } from 'zod';
import { ASSURANCES, type Assurance, type ChatMessage, type LaneName } from '../protocol/index.ts';
import { laneName } from './answerEvidence.ts';

/** What a buyer asked of a gateway, as far as the request that three workers ran can be held against it. */
export interface AskedRequest {
  readonly model: string;
  /**
   * The conversation of each choice; undefined where the gateway puts what was sent into words of its own: tools and formats are told to the model as text.
   */
  readonly conversations: readonly (readonly ChatMessage[] | undefined)[];
  readonly assurance: Assurance;
  /** Undefined where the gateway chooses. */
  readonly maxTokens: number | undefined;
  readonly temperatureMicro: number;
  readonly stops: readonly string[];
  readonly lane: LaneName | undefined;
  readonly quote: string | undefined;
}

const textParts = z.array(z.object({ type: z.literal('text'), text: z.string() }));
const plainMessage = z
  .object({
    role: z.enum(['system', 'developer', 'user', 'assistant']),
    content: z.union([z.string(), textParts]),
    tool_calls: z.array(z.unknown()).max(0).nullish(),
  })
  .transform(({ content, role }) => ({
    role: role === 'developer' ? ('system' as const) : role,
    content: typeof content === 'string' ? content : content.map(({ text }) => text).join(''),
  }));

const body = z.object({
  model: z.string(),
  messages: z.array(z.unknown()).optional(),
  prompt: z.union([z.string(), z.array(z.string())]).optional(),
  n: z.int().positive().nullish(),
  stream: z.boolean().nullish(),
  max_tokens: z.int().nullish(),
  max_completion_tokens: z.int().nullish(),
  temperature: z.number().nullish(),
  stop: z.union([z.string(), z.array(z.string())]).nullish(),
  tools: z.array(z.unknown()).nullish(),
  tool_choice: z.unknown().optional(),
  response_format: z.object({ type: z.string() }).nullish(),
  karmesh: z
    .object({
      assurance: z.enum(ASSURANCES).optional(),
      lane: laneName.optional(),
      quote: z.string().optional(),
    })
    .nullish(),
});
type Body = z.output<typeof body>;

/** OpenAI's default. */
const DEFAULT_TEMPERATURE = 1;

/** Reads the body of a request for an answer; undefined for what no gateway takes. `assuranceHeader` is the value of `x-karmesh-assurance`. */
export function readAsked(text: string, assuranceHeader: string | null): AskedRequest | undefined {
  const { data } = body.safeParse(parseJson(text));
  if (data === undefined) return undefined;
  const header = z.enum(ASSURANCES).safeParse(assuranceHeader).data;
  return {
    model: data.model,
    conversations: conversationsOf(data),
    assurance: data.karmesh?.assurance ?? header ?? (data.stream === true ? 'stream' : 'quorum'),
    maxTokens: data.max_completion_tokens ?? data.max_tokens ?? undefined,
    temperatureMicro: Math.round((data.temperature ?? DEFAULT_TEMPERATURE) * 1_000_000),
    stops: data.stop == null ? [] : typeof data.stop === 'string' ? [data.stop] : data.stop,
    lane: data.karmesh?.lane,
    quote: data.karmesh?.quote,
  };
}

function conversationsOf(asked: Body): readonly (readonly ChatMessage[] | undefined)[] {
  const { messages, prompt, response_format, tool_choice, tools } = asked;
  const copies = <T>(value: T): readonly T[] => Array.from({ length: asked.n ?? 1 }, () => value);
  if (messages === undefined) {
    const prompts = typeof prompt === 'string' ? [prompt] : (prompt ?? []);
    return prompts.flatMap((content) => copies([{ role: 'user' as const, content }]));
  }
  const isTold =
    ((tools ?? []).length > 0 && tool_choice !== 'none') ||
    (response_format != null && response_format.type !== 'text');
  return copies(isTold ? undefined : z.array(plainMessage).safeParse(messages).data);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
