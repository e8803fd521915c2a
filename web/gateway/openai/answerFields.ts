import { encode, laneTerms, signedCodec, toHex, usageRecord } from '@karmesh/sdk/protocol';
import bs58 from 'bs58';
import type { AnswerSummary } from '../market.ts';
import type { Answer, AnswerEvent, ChoiceEnd } from './answers.ts';
import type { KarmeshField, SignedUsageField, UsageField } from './responseSchemas.ts';

// What the objects of chat and of plain completions have in common.

/** How an answer of one of the API's doors looks. */
export type AnswerStyle = {
  /** The whole answer as one object. */
  whole(answer: Answer, ends: readonly ChoiceEnd[], view: AnswerView): object;
  /** The fields that every object of a stream begins with. */
  chunkHead(answer: Answer): object;
  /** The other fields of what a stream begins with. */
  opening(answer: Answer, view: AnswerView): readonly object[];
  /** The other fields of what an event adds to a stream; `ends` are the choices that have ended, this one included. */
  chunks(
    answer: Answer,
    event: AnswerEvent,
    view: AnswerView & { readonly ends: readonly ChoiceEnd[] },
  ): readonly object[];
};

export type AnswerView = {
  /** Where the client reached this gateway, without a slash at its end. */
  readonly origin: string;
  readonly includeUsage: boolean;
  /** Whether each text of a stream has the usage with it that a worker has signed. */
  readonly showsUsage: boolean;
};

/** What every object of one answer begins with; `created` counts seconds. */
export function headFields(answer: Answer, prefix: string) {
  return {
    id: `${prefix}-${answer.requestId}`,
    created: Math.floor(answer.createdMs / 1000),
    model: answer.model,
    system_fingerprint: null,
  };
}

/** What was computed for all choices together, as it is billed: each of them read the prompt. */
export function usageField(ends: readonly ChoiceEnd[]): UsageField {
  const prompt = ends.reduce((sum, { done }) => sum + done.promptTokens, 0);
  const output = ends.reduce((sum, { done }) => sum + done.outputTokens, 0);
  return { prompt_tokens: prompt, completion_tokens: output, total_tokens: prompt + output };
}

/** Whatever ended before its end by itself was cut. */
export function finishReason({ done }: ChoiceEnd): 'stop' | 'length' {
  return done.finishReason === 'stop' ? 'stop' : 'length';
}

const signedUsage = signedCodec(usageRecord);

/** The signed usage that a text of a stream comes with, for those who asked for it: a record of F-23 with its signature, and what it says. */
export function signedUsageField(
  event: Extract<AnswerEvent, { text: string }>,
  { showsUsage }: AnswerView,
): { readonly karmeshUsage?: SignedUsageField } {
  if (!showsUsage || event.kind !== 'text' || event.usage === undefined) return {};
  const { outputTokens, promptTokens, worker } = event.usage.value;
  const record = toHex(encode(signedUsage, event.usage));
  return {
    karmeshUsage: { prompt_tokens: promptTokens, completion_tokens: outputTokens, worker: bs58.encode(worker), record },
  };
}

/** By choice. */
export function byIndex(ends: readonly ChoiceEnd[]): readonly ChoiceEnd[] {
  return [...ends].sort((a, b) => a.index - b.index);
}

/** The evidence of the first choice, and with it that of all where there are several. */
export function karmeshField(ends: readonly ChoiceEnd[], origin: string): KarmeshField {
  const all = byIndex(ends).map(({ done, format }) => ({
    ...evidence(done.summary, origin),
    ...(format === undefined ? {} : { format }),
  }));
  const [first] = all;
  if (first === undefined) throw new Error('An answer has at least one choice.');
  return all.length === 1 ? first : { ...first, all };
}

function evidence(summary: AnswerSummary, origin: string): KarmeshField {
  const requestId = toHex(summary.requestId);
  return {
    requestId,
    assurance: summary.assurance,
    epoch: summary.epoch.toString(),
    dispatchNumber: summary.dispatchNumber.toString(),
    priceLamports: summary.priceLamports.toString(),
    lane: laneTerms(summary.lane).name,
    ...(summary.tokensPaidFor === undefined ? {} : { tokensPaidFor: summary.tokensPaidFor }),
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
