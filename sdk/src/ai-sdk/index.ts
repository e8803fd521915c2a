import {
  createOpenAICompatible,
  type MetadataExtractor,
  type OpenAICompatibleProvider,
} from '@ai-sdk/openai-compatible';
import type { JSONObject, SharedV4ProviderMetadata } from '@ai-sdk/provider';
import { type AnswerEvidence, karmeshField } from '../client/answerEvidence.ts';
import type { Assurance, LaneName } from '../protocol/index.ts';

export interface KarmeshProviderOptions {
  /** The gateway's API, `http://127.0.0.1:8787/v1`. */
  readonly baseURL: string;
  /** What the gateway knows its buyer by; not needed where `fetch` adds what pays. */
  readonly apiKey?: string;
  /** Another way to send requests than the global `fetch`, such as that of `payAndVerify`. */
  readonly fetch?: typeof globalThis.fetch;
  /** The lane to wait in; Bronze unless told, here or in a call's `providerOptions.karmesh`. */
  readonly lane?: LaneName;
  /** How sure an answer has to be before it is shown; the gateway's defaults unless told. */
  readonly assurance?: Assurance;
}

/** What `providerMetadata.karmesh` holds: the evidence of the answer in short. */
export type KarmeshMetadata = AnswerEvidence;

/** Chat models of a gateway for the AI SDK (https://ai-sdk.dev), by name. */
export type KarmeshProvider = Pick<OpenAICompatibleProvider, 'specificationVersion' | 'languageModel' | 'chatModel'> &
  ((modelId: string) => ReturnType<OpenAICompatibleProvider['chatModel']>);

const NAME = 'karmesh';
/** Fields of `providerOptions.karmesh` that belong into the body's field of that name. */
const OWN = ['lane', 'quote', 'assurance'] as const;

/**
 * A provider for `generateText`, `streamText` and all else that takes a chat model. `providerMetadata.karmesh` carries the evidence: request id, receipts, quorum,
 * price and bundle. A call may say `providerOptions: { karmesh: { lane, quote, assurance } }`.
 */
export function createKarmesh(options: KarmeshProviderOptions): KarmeshProvider {
  return createOpenAICompatible({
    name: NAME,
    baseURL: options.baseURL,
    ...(options.apiKey === undefined ? {} : { apiKey: options.apiKey }),
    ...(options.fetch === undefined ? {} : { fetch: options.fetch }),
    includeUsage: true,
    supportsStructuredOutputs: true,
    transformRequestBody: (body) => withTerms(body, options),
    metadataExtractor,
  });
}

/** The body with what the market is told in a field of its own; a call's terms win, and a quote says its lane. */
function withTerms(
  body: Readonly<Record<string, unknown>>,
  terms: Pick<KarmeshProviderOptions, 'lane' | 'assurance'>,
): Record<string, unknown> {
  const called = Object.fromEntries(OWN.flatMap((name) => (body[name] === undefined ? [] : [[name, body[name]]])));
  const rest = Object.entries(body).filter(([name]) => !OWN.some((own) => own === name));
  const lane = called.quote === undefined ? terms.lane : undefined;
  return { ...Object.fromEntries(rest), karmesh: { assurance: terms.assurance, lane, ...called } };
}

const metadataExtractor: MetadataExtractor = {
  extractMetadata: async ({ parsedBody }) => metadataOf(parsedBody),
  createStreamExtractor() {
    let found: SharedV4ProviderMetadata | undefined;
    return {
      processChunk(chunk) {
        found = metadataOf(chunk) ?? found;
      },
      buildMetadata: () => found,
    };
  },
};

/** The evidence of an object of the API; undefined where it has none. */
function metadataOf(body: unknown): SharedV4ProviderMetadata | undefined {
  if (typeof body !== 'object' || body === null || !(NAME in body)) return undefined;
  const { data } = karmeshField.safeParse(body.karmesh);
  return data === undefined ? undefined : { [NAME]: withoutUndefined(data) };
}

/** As JSON has it, which knows no `undefined`. */
function withoutUndefined(evidence: KarmeshMetadata): JSONObject {
  return JSON.parse(JSON.stringify(evidence));
}
