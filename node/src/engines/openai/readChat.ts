import { KarmeshError } from '@karmesh/sdk/errors';
import type { ChatMessage } from '@karmesh/sdk/protocol';
import { z } from 'zod';
import { readEvents } from './readEvents.ts';
import type { ServerClient } from './serverClient.ts';

/** Why a server's answer ends. */
const SERVER_ENDS = ['stop', 'length'] as const;
type ServerEnd = (typeof SERVER_ENDS)[number];

/** A whole answer as text, with the server's own counts of tokens. */
export interface ChatAnswer {
  readonly text: string;
  readonly finishReason: ServerEnd;
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly build: string | undefined;
}

const count = z
  .int()
  .min(0)
  .max(2 ** 31);
const chunk = z.object({
  choices: z
    .array(
      z.object({
        delta: z.object({ content: z.string().nullish() }),
        finish_reason: z.enum(SERVER_ENDS).nullish(),
      }),
    )
    .max(1),
  usage: z.object({ prompt_tokens: count, completion_tokens: count }).nullish(),
  system_fingerprint: z.string().max(256).nullish(),
});

/**
 * Asks `/chat/completions` for the most likely answer and reads its stream to the end. Throws `ENGINE_FAILED` if the stream is
 * malformed, breaks off or has no end reason and counts, `CONFIG_INVALID`, `ABORTED`.
 */
export async function readChat(
  client: ServerClient,
  options: { readonly model: string; readonly messages: readonly ChatMessage[]; readonly maxTokens: number },
  signal?: AbortSignal,
): Promise<ChatAnswer> {
  const body = {
    model: options.model,
    messages: options.messages,
    max_tokens: options.maxTokens,
    temperature: 0,
    stream: true,
    stream_options: { include_usage: true },
  };
  let text = '';
  let finishReason: ServerEnd | undefined;
  let usage: z.output<typeof chunk>['usage'];
  let build: string | undefined;
  for await (const data of readEvents(client.stream({ path: 'chat/completions', body }, signal))) {
    const read = parseChunk(data);
    const [choice] = read.choices;
    usage = read.usage ?? usage;
    build = read.system_fingerprint ?? build;
    if (choice === undefined) continue;
    const content = choice.delta.content ?? '';
    if (content !== '' && finishReason !== undefined)
      throw new KarmeshError('ENGINE_FAILED', 'The engine’s server went on after the end of its answer.');
    text += content;
    finishReason = choice.finish_reason ?? finishReason;
  }
  if (finishReason === undefined || usage === undefined || usage === null)
    throw new KarmeshError(
      'ENGINE_FAILED',
      'The engine’s server does not say why an answer ended and how many tokens it has.',
    );
  return {
    text,
    finishReason,
    promptTokens: usage.prompt_tokens,
    completionTokens: usage.completion_tokens,
    build,
  };
}

function parseChunk(data: string): z.output<typeof chunk> {
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    throw new KarmeshError('ENGINE_FAILED', 'The engine’s server streamed what is not JSON.', { length: data.length });
  }
  const parsed = chunk.safeParse(value);
  if (parsed.success) return parsed.data;
  const sentence = 'The engine’s server streamed an event in a form that the API does not have.';
  throw new KarmeshError('ENGINE_FAILED', sentence, { where: parsed.error.issues[0]?.path.join('.') });
}
