import { ASSURANCES, LANES, laneNumber, REQUEST_LIMITS } from '@karmesh/sdk/protocol';
import { z } from 'zod';
import { type ApiError, invalidRequest } from './apiError.ts';

// What the requests for chat and for plain completions have in common.

const MAX_TOKENS = 2 ** 31 - 1;
const MAX_TEMPERATURE = 2;
/** OpenAI's default. */
const DEFAULT_TEMPERATURE = 1;
/** Every choice is a request of its own on the market. */
export const MAX_CHOICES = 8;
const METADATA = { pairs: 16, keyLength: 64, valueLength: 512 };

export const nullish = <T extends z.ZodType>(schema: T) => schema.nullish();
const stop = z.string().min(1).max(REQUEST_LIMITS.stopBytes);

export const sharedParameters = {
  model: z.string().min(1).max(256).meta({ description: 'The name of a model of `GET /v1/models`.' }),
  stream: nullish(z.boolean()),
  stream_options: nullish(
    z.strictObject({ include_usage: z.boolean().optional(), include_obfuscation: z.boolean().optional() }),
  ),
  max_tokens: nullish(z.int().min(1).max(MAX_TOKENS)),
  temperature: nullish(z.number().min(0).max(MAX_TEMPERATURE)),
  stop: nullish(z.union([stop, z.array(stop).max(REQUEST_LIMITS.stops)])),
  n: nullish(
    z.int().min(1).max(MAX_CHOICES).meta({
      description: 'Choices. Each is a request of its own, with its own receipts, and costs what one alone would cost.',
    }),
  ),
  seed: nullish(
    z.int().meta({
      description:
        'Best effort: it is accepted and changes nothing, since each answer is sampled by a counter keyed with its request id. Temperature 0 gives the same text each time.',
    }),
  ),
  user: nullish(z.string().max(512)),
  metadata: nullish(
    z
      .record(z.string().max(METADATA.keyLength), z.string().max(METADATA.valueLength))
      .refine((pairs) => Object.keys(pairs).length <= METADATA.pairs, `Too many pairs: at most ${METADATA.pairs}`)
      .meta({ maxProperties: METADATA.pairs }),
  ),
  karmesh: nullish(
    z.strictObject({
      assurance: z
        .enum(ASSURANCES)
        .optional()
        .meta({ description: 'How sure the answer has to be before it is shown.' }),
      lane: z
        .enum(LANES.map(({ name }) => name))
        .optional()
        .meta({
          description:
            'The lane in which the request waits; unless told the one that the account has earned, else bronze. `GET /v1/prices` has what each costs.',
        }),
      quote: z
        .string()
        .regex(/^(?:[0-9a-f]{2}){1,1024}$/)
        .optional()
        .meta({ description: 'A quote of `POST /v1/quotes`, which says lane and price.' }),
    }),
  ),
  // Accepted at the one value that changes nothing: the protocol's rule of sampling (S-03) knows temperature alone.
  top_p: nullish(z.literal(1)),
  frequency_penalty: nullish(z.literal(0)),
  presence_penalty: nullish(z.literal(0)),
  logit_bias: nullish(z.strictObject({})),
};

/** Those of them with other values elsewhere. */
export const unsupportedShared = ['top_p', 'frequency_penalty', 'presence_penalty', 'logprobs', 'logit_bias'] as const;

const assuranceSchema = z.enum(ASSURANCES).optional();
const shared = z.strictObject(sharedParameters);
type Shared = z.output<typeof shared>;

/** What the shared parameters say, in the market's terms. `assuranceHeader` is the value of `x-karmesh-assurance`; the body's field wins. */
export function readShared(data: Shared, assuranceHeader: string | undefined) {
  if (data.stream_options != null && data.stream !== true) {
    throw invalidRequest("'stream_options' is only allowed when 'stream' is enabled.", 'stream_options');
  }
  const header = assuranceSchema.safeParse(assuranceHeader);
  if (!header.success) throw wrongAssurance();
  const { lane, quote } = data.karmesh ?? {};
  if (lane !== undefined && quote !== undefined)
    throw invalidRequest("A quote says its lane; set 'lane' or 'quote'.", 'karmesh.lane');
  const stream = data.stream ?? false;
  const stops = data.stop == null ? [] : typeof data.stop === 'string' ? [data.stop] : data.stop;
  return {
    model: data.model,
    stream,
    includeUsage: data.stream_options?.include_usage ?? false,
    temperatureMicro: Math.round((data.temperature ?? DEFAULT_TEMPERATURE) * 1_000_000),
    stops: stops.map((each) => boundedText(each, REQUEST_LIMITS.stopBytes, 'stop')),
    assurance: data.karmesh?.assurance ?? header.data ?? (stream ? ('stream' as const) : ('quorum' as const)),
    lane: lane === undefined ? undefined : laneNumber(lane),
    quote,
  };
}

function wrongAssurance(): ApiError {
  return invalidRequest("The header 'x-karmesh-assurance' must be 'stream', 'quorum' or 'proof'.", 'karmesh.assurance');
}

/** A text that has a UTF-8 form of at most `max` bytes, as the canonical request needs it. */
export function boundedText(value: string, max: number, param: string): string {
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
