import { KarmeshError } from '@karmesh/sdk/errors';
import { z } from 'zod';
import { byLogit, type TokenLogit } from '../llama/sampler.ts';
import type { ServerClient } from './serverClient.ts';

/** One place of an answer: the token that the server went on with, and its highest log-probabilities in the order of S-01. */
export interface ReadPosition {
  readonly token: number;
  readonly sorted: readonly TokenLogit[];
}

export interface ReadPositionsOptions {
  readonly model: string;
  /** Token ids of everything that stands before. */
  readonly prompt: readonly number[];
  /** How many places to read at most; the server goes from one to the next by its most likely token. */
  readonly count: number;
  /** How many of the highest log-probabilities to read of each. */
  readonly top: number;
  readonly vocabulary: number;
  /** Makes the server go on with this token, whatever it would take. What it reports of the place is the same. llama-server only. */
  readonly force?: number;
}

/**
 * `unaligned`: the server reported fewer places than it generated. llama-server leaves out those whose token ends within a character of UTF-8.
 * `no-ids`: it names tokens by their text or not at all.
 */
export type ReadPositions =
  | {
      readonly kind: 'read';
      readonly positions: readonly ReadPosition[];
      readonly dialect: 'llama-server' | 'vllm';
      readonly build: string | undefined;
    }
  | { readonly kind: 'unaligned' }
  | { readonly kind: 'no-ids' };

/** Servers say the least float or -9999 for a probability of zero. */
const LEAST_LOGPROB = -10_000;
const MAX_TOP = 512;
const MAX_PLACES = 64;

const count = z
  .int()
  .min(0)
  .max(2 ** 31);
const tokenId = z
  .int()
  .min(0)
  .max(2 ** 32 - 1);
const llamaServerLogprobs = z.object({
  content: z
    .array(
      z.object({
        id: tokenId,
        top_logprobs: z
          .array(z.object({ id: tokenId, logprob: z.number() }))
          .min(1)
          .max(MAX_TOP),
      }),
    )
    .max(MAX_PLACES),
});
const legacyLogprobs = z.object({
  tokens: z.array(z.string()).max(MAX_PLACES),
  top_logprobs: z.array(z.record(z.string(), z.number()).nullable()).max(MAX_PLACES).nullable(),
});
const completion = z.object({
  choices: z
    .array(
      z.object({
        finish_reason: z.string().max(32),
        logprobs: z.union([llamaServerLogprobs, legacyLogprobs]).nullish(),
      }),
    )
    .length(1),
  usage: z.object({ prompt_tokens: count, completion_tokens: count }),
  system_fingerprint: z.string().max(256).nullish(),
});
type Completion = z.output<typeof completion>;

/**
 * Reads what the server's model says after a prompt of token ids, by `/completions` with log-probabilities. They are raw logits less one
 * number that all tokens of a place share, which changes neither a choice (S-04) nor a gap (S-07). Undefined if the server refuses such a
 * request as malformed or unknown. Throws `ENGINE_FAILED`, `CONFIG_INVALID`, `ABORTED`.
 */
export async function readPositions(
  client: ServerClient,
  options: ReadPositionsOptions,
  signal?: AbortSignal,
): Promise<ReadPositions | undefined> {
  const { prompt, top, force } = options;
  const answer = await client.json(
    {
      path: 'completions',
      schema: completion,
      unless: [400, 404, 405, 422, 501],
      body: {
        model: options.model,
        prompt,
        max_tokens: options.count,
        temperature: 0,
        logprobs: top,
        stream: false,
        // vLLM's way to say ids where OpenAI says texts.
        return_tokens_as_token_ids: true,
        ...(force === undefined ? {} : { logit_bias: { [force]: FORCING_BIAS } }),
      },
    },
    signal,
  );
  return answer === undefined ? undefined : positionsOf(answer, options);
}

/** Above any difference of logits. */
const FORCING_BIAS = 1_000_000;

function positionsOf({ choices, usage, system_fingerprint }: Completion, options: ReadPositionsOptions): ReadPositions {
  const logprobs = choices[0]?.logprobs;
  const { prompt } = options;
  if (usage.prompt_tokens !== prompt.length)
    throw new KarmeshError('ENGINE_FAILED', 'The engine’s server read another prompt than it was given.', {
      given: prompt.length,
      read: usage.prompt_tokens,
    });
  if (usage.completion_tokens > options.count)
    throw new KarmeshError('ENGINE_FAILED', 'The engine’s server ignores the limit of tokens.', {
      limit: options.count,
      got: usage.completion_tokens,
    });
  if (logprobs === undefined || logprobs === null) return { kind: 'unaligned' };
  const isLlamaServer = 'content' in logprobs;
  const places = isLlamaServer ? llamaServerPlaces(logprobs) : legacyPlaces(logprobs);
  if (places === undefined) return { kind: 'no-ids' };
  if (places.length !== usage.completion_tokens || places.length === 0) return { kind: 'unaligned' };
  return {
    kind: 'read',
    dialect: isLlamaServer ? 'llama-server' : 'vllm',
    build: system_fingerprint ?? undefined,
    positions: places.map(({ token, top }) => positionOf({ token, top }, options)),
  };
}

interface Place {
  readonly token: number;
  readonly top: readonly TokenLogit[];
}

function llamaServerPlaces({ content }: z.output<typeof llamaServerLogprobs>): readonly Place[] {
  return content.map(({ id, top_logprobs }) => ({
    token: id,
    top: top_logprobs.map(({ id: token, logprob }) => ({ token, logit: logprob })),
  }));
}

function legacyPlaces({ tokens, top_logprobs }: z.output<typeof legacyLogprobs>): readonly Place[] | undefined {
  const places: Place[] = [];
  for (const [i, name] of tokens.entries()) {
    const token = idOf(name);
    const top = Object.entries(top_logprobs?.[i] ?? {}).map(([key, logit]) => ({ token: idOf(key), logit }));
    if (token === undefined || top.length === 0) return undefined;
    const known = top.filter((each): each is TokenLogit => each.token !== undefined);
    if (known.length < top.length) return undefined;
    places.push({ token, top: known });
  }
  return places;
}

function idOf(name: string): number | undefined {
  const digits = /^token_id:(\d{1,10})$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

function positionOf({ token, top }: Place, { vocabulary, ...options }: ReadPositionsOptions): ReadPosition {
  const sorted = top
    .map(({ token: id, logit }) => ({ token: id, logit: Math.max(logit, LEAST_LOGPROB) }))
    .sort(byLogit)
    .slice(0, options.top);
  if ([token, ...sorted.map((each) => each.token)].some((id) => id >= vocabulary))
    throw new KarmeshError('ENGINE_FAILED', 'The engine’s server runs a model with another vocabulary.', {
      vocabulary,
    });
  // A server that lists fewer than were asked for would shrink the window of S-02 and so steer the draw.
  if (
    sorted.length < Math.min(options.top, vocabulary) ||
    new Set(sorted.map((each) => each.token)).size < sorted.length
  )
    throw new KarmeshError('ENGINE_FAILED', 'The engine’s server lists other log-probabilities than were asked for.', {
      asked: options.top,
      got: sorted.length,
    });
  return { token, sorted };
}
