import { type FinishReason, toHex } from '@karmesh/sdk/protocol';
import bs58 from 'bs58';
import type { AnswerSummary, MarketEvent } from '../market.ts';

/** What this market adds to OpenAI's objects: hashes in hexadecimal, addresses in base58, whole numbers beyond 2^53 as strings. */
export type KarmeshField = {
  readonly requestId: string;
  readonly assurance: string;
  readonly epoch: string;
  readonly dispatchNumber: string;
  readonly priceLamports: string;
  readonly quorum: { readonly verdict: 'agreed' | 'none'; readonly agreeing: number; readonly asked: number };
  readonly receipts: readonly {
    readonly worker: string;
    readonly outcome: string;
    readonly receiptHash: string | null;
    readonly shown: boolean;
  }[];
  readonly bundle: string;
};

/** `origin` is where the client reached this gateway, without a slash at its end. */
export function karmeshField(summary: AnswerSummary, origin: string): KarmeshField {
  const requestId = toHex(summary.requestId);
  return {
    requestId,
    assurance: summary.assurance,
    epoch: summary.epoch.toString(),
    dispatchNumber: summary.dispatchNumber.toString(),
    priceLamports: summary.priceLamports.toString(),
    quorum: {
      verdict: summary.verdict,
      agreeing: summary.workers.filter(({ outcome }) => outcome === 'agreed').length,
      asked: summary.workers.length,
    },
    receipts: summary.workers.map(({ worker, outcome, receiptHash, shown }) => ({
      worker: bs58.encode(worker),
      outcome,
      receiptHash: receiptHash === undefined ? null : toHex(receiptHash),
      shown,
    })),
    bundle: `${origin}/v1/receipts/${requestId}`,
  };
}

/** How far the drawn workers have come, for clients that ask for it. */
export type ProgressField = readonly { readonly worker: string; readonly step: string }[];

export function progressField({ workers }: Extract<MarketEvent, { kind: 'workers' }>): ProgressField {
  return workers.map(({ worker, step }) => ({ worker: bs58.encode(worker), step }));
}

type Usage = { readonly promptTokens: number; readonly outputTokens: number };

function usageField({ promptTokens, outputTokens }: Usage) {
  return { prompt_tokens: promptTokens, completion_tokens: outputTokens, total_tokens: promptTokens + outputTokens };
}

/** What every object of one answer has in common; `created` counts seconds. */
export type AnswerHead = { readonly id: string; readonly created: number; readonly model: string };

export function completion(
  head: AnswerHead,
  answer: {
    readonly text: string;
    readonly finishReason: FinishReason;
    readonly usage: Usage;
    readonly karmesh: KarmeshField;
  },
) {
  return {
    id: head.id,
    object: 'chat.completion' as const,
    created: head.created,
    model: head.model,
    choices: [
      {
        index: 0,
        message: { role: 'assistant' as const, content: answer.text, refusal: null },
        logprobs: null,
        finish_reason: answer.finishReason,
      },
    ],
    usage: usageField(answer.usage),
    system_fingerprint: null,
    karmesh: answer.karmesh,
  };
}

type Delta = { readonly role?: 'assistant'; readonly content?: string; readonly refusal?: null };

/** One chunk of a stream. With `includeUsage` every chunk but the last carries `usage: null`, as OpenAI's do. */
export function chunk(
  head: AnswerHead,
  options: {
    readonly delta: Delta;
    readonly finishReason?: FinishReason;
    readonly includeUsage: boolean;
    readonly karmesh?: KarmeshField;
    readonly karmeshProgress?: ProgressField;
  },
) {
  return {
    id: head.id,
    object: 'chat.completion.chunk' as const,
    created: head.created,
    model: head.model,
    system_fingerprint: null,
    choices: [{ index: 0, delta: options.delta, logprobs: null, finish_reason: options.finishReason ?? null }],
    ...(options.includeUsage ? { usage: null } : {}),
    ...(options.karmesh === undefined ? {} : { karmesh: options.karmesh }),
    ...(options.karmeshProgress === undefined ? {} : { karmeshProgress: options.karmeshProgress }),
  };
}

/** The additional last chunk that `stream_options.include_usage` asks for. */
export function usageChunk(head: AnswerHead, options: { readonly usage: Usage; readonly karmesh: KarmeshField }) {
  return {
    id: head.id,
    object: 'chat.completion.chunk' as const,
    created: head.created,
    model: head.model,
    system_fingerprint: null,
    choices: [],
    usage: usageField(options.usage),
    karmesh: options.karmesh,
  };
}
