import { z } from 'zod';
import { KarmeshError } from '../errors.ts';
import {
  decode,
  fromHex,
  type LaneName,
  type Signed,
  signedCodec,
  type Usage,
  usageRecord,
} from '../protocol/index.ts';
import { type AnswerEvidence, karmeshField } from './answerEvidence.ts';
import { callGateway, type Gateway } from './gateway.ts';
import { readEvents } from './readEvents.ts';

/** How far a drawn worker has come. */
export const WORKER_STEPS = ['asked', 'accepted', 'sealed', 'revealed', 'refused', 'timed-out'] as const;
export type WorkerStep = (typeof WORKER_STEPS)[number];

/** The workers of an answer in the order of the draw; `worker` is a base58 address. */
export type WorkerProgress = readonly { readonly worker: string; readonly step: WorkerStep }[];

export interface AskStreamingOptions {
  readonly model: string;
  readonly prompt: string;
  /** `stream` shows tokens as they come, `quorum` and `proof` the whole answer once two workers agreed. */
  readonly assurance: 'stream' | 'quorum' | 'proof';
  /** The lane to wait in; Bronze unless told. */
  readonly lane?: LaneName;
  /** A quote of `requestQuote`, which says lane and price; not beside `lane`. */
  readonly quote?: string;
  readonly maxTokens?: number;
  readonly temperature?: number;
  readonly signal: AbortSignal;
}

export type AskEvent =
  | { readonly kind: 'workers'; readonly workers: WorkerProgress }
  /** `usage` is what a worker has signed for all of the answer so far (F-23), where the gateway shows it; `checkUsage` checks it. */
  | { readonly kind: 'text'; readonly text: string; readonly usage: Signed<Usage> | undefined }
  | { readonly kind: 'done'; readonly evidence: AnswerEvidence };

const signedUsage = signedCodec(usageRecord);
const chunk = z.union([
  z.object({ error: z.object({ message: z.string(), code: z.string().nullish() }) }),
  z.object({
    choices: z.array(z.object({ delta: z.object({ content: z.string().optional() }) })),
    karmeshProgress: z.array(z.object({ worker: z.string().max(64), step: z.enum(WORKER_STEPS) })).optional(),
    karmesh: karmeshField.optional(),
    karmeshUsage: z.object({ record: z.string().regex(/^[0-9a-f]{1,1024}$/) }).optional(),
  }),
]);

/**
 * Asks one question and tells, as it happens, what the workers do and what they say; the last event is `done`, with the evidence.
 * Throws what `callGateway` throws, `GATEWAY_REFUSED` when the answer breaks off, `PROTOCOL_VIOLATION` when the stream is not what
 * docs/protocol.md says, `CODEC` when a signed usage is none.
 */
export async function* askStreaming(
  gateway: Gateway,
  options: AskStreamingOptions,
): AsyncGenerator<AskEvent, void, undefined> {
  const { signal } = options;
  const response = await callGateway(gateway, {
    path: '/v1/chat/completions',
    headers: { 'x-karmesh-progress': '1', 'x-karmesh-usage': '1' },
    body: {
      model: options.model,
      messages: [{ role: 'user', content: options.prompt }],
      stream: true,
      ...(options.maxTokens === undefined ? {} : { max_tokens: options.maxTokens }),
      ...(options.temperature === undefined ? {} : { temperature: options.temperature }),
      karmesh: { assurance: options.assurance, lane: options.lane, quote: options.quote },
    },
    signal,
  });
  const violation = (sentence: string): KarmeshError =>
    new KarmeshError('PROTOCOL_VIOLATION', sentence, { gateway: gateway.url });
  if (response.body === null) throw violation('The gateway’s stream has no body.');
  let isDone = false;
  try {
    for await (const data of readEvents(response.body)) {
      if (data === '[DONE]') break;
      const parsed = chunk.safeParse(parseJson(data));
      if (!parsed.success) throw violation('A chunk of the gateway’s stream is in another form.');
      if ('error' in parsed.data) {
        const { message, code } = parsed.data.error;
        throw new KarmeshError('GATEWAY_REFUSED', message, code == null ? {} : { code });
      }
      const { choices, karmesh, karmeshProgress, karmeshUsage } = parsed.data;
      if (karmeshProgress !== undefined) yield { kind: 'workers', workers: karmeshProgress };
      const text = choices[0]?.delta.content ?? '';
      const usage = karmeshUsage === undefined ? undefined : decode(signedUsage, fromHex(karmeshUsage.record));
      if (text !== '') yield { kind: 'text', text, usage };
      if (karmesh !== undefined) {
        isDone = true;
        yield { kind: 'done', evidence: karmesh };
      }
    }
  } catch (cause) {
    if (cause instanceof KarmeshError) throw cause;
    if (signal.aborted) throw new KarmeshError('ABORTED', 'The request was cancelled.', {}, cause);
    throw new KarmeshError('PEER_UNREACHABLE', 'The gateway’s stream broke off.', { url: gateway.url }, cause);
  }
  if (!isDone) throw violation('The gateway’s stream ended without the answer’s evidence.');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
