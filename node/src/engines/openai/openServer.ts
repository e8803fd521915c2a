import { KarmeshError } from '@karmesh/sdk/errors';
import type { ChatMessage } from '@karmesh/sdk/protocol';
import { z } from 'zod';
import type { Conversation } from '../conversation/conversation.ts';
import { SAMPLER_WINDOW } from '../llama/sampler.ts';
import { readChat } from './readChat.ts';
import { readPositions } from './readPositions.ts';
import type { ServerClient } from './serverClient.ts';

/** What a server can be used for, as it showed when it was opened. */
export interface OpenedServer {
  /** The name that it serves the model by. */
  readonly model: string;
  /** What it calls itself, with its version if it says one. */
  readonly build: string;
  /**
   * `ids`: it reads prompts as token ids and reports log-probabilities by id, `top` of them. `text`: it only takes messages and gives text.
   */
  readonly tokens:
    | { readonly kind: 'ids'; readonly top: number; readonly canForce: boolean }
    | { readonly kind: 'text' };
}

const models = z.object({
  data: z
    .array(
      z.object({
        id: z.string().max(512),
        owned_by: z.string().max(64).nullish(),
        meta: z.object({ n_vocab: z.int().optional() }).nullish(),
      }),
    )
    .max(10_000),
});
const version = z.object({ version: z.string().max(64) });

/** vLLM gives no more than so many unless it was started with `--max-logprobs`. */
const FEW_LOGPROBS = 20;
const GREETING: readonly ChatMessage[] = [{ role: 'user', content: 'Hi' }];

/**
 * Finds out what a server can honestly be used for: lists its models, then asks it for one token. Throws `CONFIG_INVALID` if the key or the
 * model is wrong, `ENGINE_FAILED` if it cannot be reached, answers in no known form or reads another prompt than the model file gives, `ABORTED`.
 */
export async function openServer(
  client: ServerClient,
  options: { readonly wanted: string | undefined; readonly conversation: Conversation; readonly vocabulary: number },
  signal?: AbortSignal,
): Promise<OpenedServer> {
  const { conversation, vocabulary } = options;
  const listed = (await client.json({ path: 'models', schema: models }, signal))?.data ?? [];
  const [only] = listed.length === 1 ? listed : [];
  const found = options.wanted === undefined ? only : listed.find(({ id }) => id === options.wanted);
  if (found === undefined)
    throw new KarmeshError('CONFIG_INVALID', 'The engine’s server does not serve this model; name one that it lists.', {
      wanted: options.wanted,
      listed: listed
        .map(({ id }) => id)
        .join(', ')
        .slice(0, 200),
    });
  const model = found.id;
  const served = found.meta?.n_vocab ?? vocabulary;
  if (served !== vocabulary)
    throw new KarmeshError('CONFIG_INVALID', 'The engine’s server serves another model than the model file.', {
      vocabulary,
      served,
    });
  const program = found.owned_by ?? 'unnamed';
  const named = (build: string | undefined): string => `${program} ${build ?? 'of unstated build'}`;

  const prompt = conversation.applyTemplate(GREETING);
  const force = conversation.endToken;
  for (const top of [SAMPLER_WINDOW, FEW_LOGPROBS]) {
    const ask = { model, prompt, count: 1, top: Math.min(top, vocabulary), vocabulary };
    const plain = await readPositions(client, ask, signal);
    const isForced = plain?.kind === 'unaligned' && force !== undefined;
    const read = isForced ? await readPositions(client, { ...ask, force }, signal) : plain;
    if (read?.kind !== 'read') continue;
    const canForce = read.dialect === 'llama-server' && force !== undefined;
    const build = read.build ?? (read.dialect === 'vllm' ? await versionOf(client, signal) : undefined);
    return { model, build: named(build), tokens: { kind: 'ids', top: ask.top, canForce } };
  }
  const answer = await readChat(client, { model, messages: GREETING, maxTokens: 1 }, signal);
  checkPrompt(answer.promptTokens, prompt.length);
  return { model, build: named(answer.build), tokens: { kind: 'text' } };
}

async function versionOf(client: ServerClient, signal: AbortSignal | undefined): Promise<string | undefined> {
  const unless = [400, 401, 403, 404, 405, 501];
  return (await client.json({ path: '/version', schema: version, unless }, signal))?.version;
}

/** A server that counts another prompt has another template or tokeniser, and every receipt over its answers would be false. */
export function checkPrompt(counted: number, own: number): void {
  if (counted === own) return;
  const sentence =
    'The engine’s server counts another prompt than the model file gives: its chat template or its tokeniser is another.';
  throw new KarmeshError('ENGINE_FAILED', sentence, { counted, own });
}
