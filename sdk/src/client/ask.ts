import { z } from 'zod';
import { KarmeshError } from '../errors.ts';
import { nearestName } from '../nearestName.ts';
import type { LaneName } from '../protocol/index.ts';
import { type AnswerEvidence, karmeshField } from './answerEvidence.ts';
import { callGateway, type Gateway } from './gateway.ts';

const completion = z.object({
  model: z.string(),
  choices: z.array(z.object({ message: z.object({ content: z.string() }), finish_reason: z.string() })).length(1),
  usage: z.object({ prompt_tokens: z.number(), completion_tokens: z.number() }),
  karmesh: karmeshField,
});

export interface AskOptions {
  /** The model's name; the first that the gateway lists unless told. */
  readonly model?: string;
  readonly prompt: string;
  readonly maxTokens?: number;
  readonly temperature?: number;
  /** `quorum` unless told; `proof` waits for the same answer, whose receipt then waits until a token of it is proven. */
  readonly assurance?: 'quorum' | 'proof';
  /** The lane to wait in; Bronze unless told. */
  readonly lane?: LaneName;
  /** A quote of `requestQuote`, which says lane and price; not beside `lane`. */
  readonly quote?: string;
  readonly signal?: AbortSignal;
}

export interface Answer {
  readonly model: string;
  readonly text: string;
  readonly finishReason: string;
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly evidence: AnswerEvidence;
}

const modelList = z.object({ data: z.array(z.object({ id: z.string() })) });

/** The names of the models that the gateway sells. Throws what `callGateway` throws. */
export async function listModels(
  gateway: Gateway,
  options: { readonly signal?: AbortSignal } = {},
): Promise<readonly string[]> {
  const response = await callGateway(gateway, { path: '/v1/models', ...options });
  return modelList.safeParse(await response.json()).data?.data.map(({ id }) => id) ?? [];
}

/**
 * Asks one question with assurance `quorum`, or `proof` if told: the answer comes whole, after two of three workers agreed. Throws what `callGateway`
 * throws, `MODEL_UNKNOWN` when the gateway sells nothing or not this model, `PROTOCOL_VIOLATION` when its answer is not what docs/protocol.md says.
 */
export async function ask(gateway: Gateway, options: AskOptions): Promise<Answer> {
  const { signal } = options;
  const model = options.model ?? (await firstModel(gateway, signal));
  const request = callGateway(gateway, {
    path: '/v1/chat/completions',
    body: {
      model,
      messages: [{ role: 'user', content: options.prompt }],
      ...(options.maxTokens === undefined ? {} : { max_tokens: options.maxTokens }),
      ...(options.temperature === undefined ? {} : { temperature: options.temperature }),
      karmesh: { assurance: options.assurance ?? 'quorum', lane: options.lane, quote: options.quote },
    },
    ...(signal === undefined ? {} : { signal }),
  });
  const response = await request.catch(async (cause: unknown) => {
    if (!(cause instanceof KarmeshError) || cause.facts.code !== 'model_not_found') throw cause;
    const known = await listModels(gateway, signal === undefined ? {} : { signal });
    const facts = { model, didYouMean: nearestName(model, known), known: known.join(', ') };
    throw new KarmeshError('MODEL_UNKNOWN', 'The gateway does not sell this model.', facts, cause);
  });
  const parsed = completion.safeParse(await response.json());
  const choice = parsed.data?.choices[0];
  if (!parsed.success || choice === undefined) {
    throw new KarmeshError('PROTOCOL_VIOLATION', 'The gateway’s answer is not a completion with evidence.', {
      gateway: gateway.url,
    });
  }
  return {
    model: parsed.data.model,
    text: choice.message.content,
    finishReason: choice.finish_reason,
    promptTokens: parsed.data.usage.prompt_tokens,
    outputTokens: parsed.data.usage.completion_tokens,
    evidence: parsed.data.karmesh,
  };
}

async function firstModel(gateway: Gateway, signal: AbortSignal | undefined): Promise<string> {
  const [first] = await listModels(gateway, signal === undefined ? {} : { signal });
  if (first === undefined)
    throw new KarmeshError('MODEL_UNKNOWN', 'The gateway sells no model.', { gateway: gateway.url });
  return first;
}
