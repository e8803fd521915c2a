import { ASSURANCES, LANES } from '@karmesh/sdk/protocol';
import { z } from 'zod';
import { ERROR_TYPES } from './apiError.ts';

// What the API answers with. The types of the code that makes these objects come from here, and so does the OpenAPI document.

const digits = z.string().regex(/^\d+$/);
const hex32 = z.string().regex(/^[0-9a-f]{64}$/);

const evidence = {
  requestId: hex32,
  assurance: z.enum(ASSURANCES),
  epoch: digits,
  dispatchNumber: digits,
  priceLamports: digits,
  lane: z.enum(LANES.map(({ name }) => name)).meta({ description: 'The lane that the request waited in.' }),
  tokensPaidFor: z
    .int()
    .min(1)
    .optional()
    .meta({ description: 'The limit of the answer where the credit of the key paid for no more than that.' }),
  quorum: z.strictObject({ verdict: z.enum(['agreed', 'none']), agreeing: z.int().min(0), asked: z.int().min(0) }),
  receipts: z.array(
    z.strictObject({
      worker: z.string(),
      outcome: z.enum(['agreed', 'dissented', 'refused', 'timed-out']),
      receiptHash: hex32.nullable(),
      shown: z.boolean(),
    }),
  ),
  bundle: z.url().meta({ description: 'Where the evidence in full is to be fetched with the same API key.' }),
  format: z
    .enum(['met', 'unmet'])
    .optional()
    .meta({ description: 'Whether the answer has the form that `response_format` asked for.' }),
};

/** What this market adds to OpenAI's objects: hashes in hexadecimal, addresses in base58, whole numbers beyond 2^53 as strings. */
export const karmeshSchema = z
  .strictObject({
    ...evidence,
    all: z.array(z.strictObject(evidence)).optional().meta({
      description:
        'The evidence of every choice, by index; there if there are several. What stands beside it is of the first.',
    }),
  })
  .meta({ description: 'Evidence of the answer, in short.' });
export type KarmeshField = z.output<typeof karmeshSchema>;

const usage = z.strictObject({
  prompt_tokens: z.int().min(0),
  completion_tokens: z.int().min(0),
  total_tokens: z.int().min(0),
});
export type UsageField = z.output<typeof usage>;

const toolCall = z.strictObject({
  id: z.string(),
  type: z.literal('function'),
  function: z.strictObject({ name: z.string(), arguments: z.string() }),
});
const chatFinish = z.enum(['stop', 'length', 'tool_calls']);
const textFinish = z.enum(['stop', 'length']);

const head = { id: z.string(), created: z.int(), model: z.string(), system_fingerprint: z.null() };

export const chatCompletionSchema = z.strictObject({
  ...head,
  object: z.literal('chat.completion'),
  choices: z.array(
    z.strictObject({
      index: z.int().min(0),
      message: z.strictObject({
        role: z.literal('assistant'),
        content: z.string().nullable(),
        refusal: z.null(),
        tool_calls: z.array(toolCall).optional(),
      }),
      logprobs: z.null(),
      finish_reason: chatFinish,
    }),
  ),
  usage,
  karmesh: karmeshSchema,
});
export type ChatCompletion = z.output<typeof chatCompletionSchema>;

const signedUsage = z
  .strictObject({
    prompt_tokens: z.int().min(0),
    completion_tokens: z.int().min(0),
    worker: z.string(),
    record: z.string().regex(/^([0-9a-f]{2})+$/),
  })
  .meta({
    description:
      'What a worker has signed for the stream up to here, for clients that send `x-karmesh-usage: 1`; `record` is the record F-23 and its signature, in hexadecimal digits.',
  });
export type SignedUsageField = z.output<typeof signedUsage>;

export const chatChunkSchema = z.strictObject({
  ...head,
  object: z.literal('chat.completion.chunk'),
  choices: z.array(
    z.strictObject({
      index: z.int().min(0),
      delta: z.strictObject({
        role: z.literal('assistant').optional(),
        content: z.string().optional(),
        refusal: z.null().optional(),
        tool_calls: z.array(z.strictObject({ index: z.int().min(0), ...toolCall.shape })).optional(),
      }),
      logprobs: z.null(),
      finish_reason: chatFinish.nullable(),
    }),
  ),
  usage: usage.nullable().optional(),
  karmesh: karmeshSchema.optional(),
  karmeshProgress: z
    .array(
      z.strictObject({
        worker: z.string(),
        step: z.enum(['asked', 'accepted', 'sealed', 'revealed', 'refused', 'timed-out']),
      }),
    )
    .optional()
    .meta({ description: 'What the drawn workers do, for clients that send `x-karmesh-progress: 1`.' }),
  karmeshUsage: signedUsage.optional(),
});
export type ChatChunk = z.output<typeof chatChunkSchema>;

const textChoice = { index: z.int().min(0), text: z.string(), logprobs: z.null() };

export const textCompletionSchema = z.strictObject({
  ...head,
  object: z.literal('text_completion'),
  choices: z.array(z.strictObject({ ...textChoice, finish_reason: textFinish })),
  usage,
  karmesh: karmeshSchema,
});
export type TextCompletion = z.output<typeof textCompletionSchema>;

export const textChunkSchema = z.strictObject({
  ...head,
  object: z.literal('text_completion'),
  choices: z.array(z.strictObject({ ...textChoice, finish_reason: textFinish.nullable() })),
  usage: usage.nullable().optional(),
  karmesh: karmeshSchema.optional(),
  karmeshUsage: signedUsage.optional(),
});
export type TextChunk = z.output<typeof textChunkSchema>;

export const errorSchema = z.strictObject({
  error: z.strictObject({
    message: z.string(),
    type: z.enum(ERROR_TYPES),
    param: z.string().nullable(),
    code: z.string().nullable(),
    karmesh: z
      .strictObject({ requestIds: z.array(z.string()) })
      .optional()
      .meta({
        description:
          'The requests that had begun of an answer with several choices. What of them was sealed is owed, and has its bundle.',
      }),
  }),
});
