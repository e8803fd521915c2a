import { z } from 'zod';
import { chatSchema } from '../openai/chatSchema.ts';
import { completionSchema } from '../openai/completionRequest.ts';
import { embeddingSchema } from '../openai/embeddingRequest.ts';
import { modelListSchema, modelSchema } from '../openai/modelObject.ts';
import {
  chatChunkSchema,
  chatCompletionSchema,
  textChunkSchema,
  textCompletionSchema,
} from '../openai/responseSchemas.ts';
import { socketAnswerSchema, socketMessageSchema } from '../openai/socketMessages.ts';
import { depositRequestSchema } from '../routes/account.ts';
import { keyChangeSchema, keyRequestSchema, keyRotationSchema } from '../routes/keys.ts';
import { quoteRequestSchema } from '../routes/quotes.ts';
import { challengeRequestSchema, sessionRequestSchema } from '../routes/session.ts';

/** Schemas that the document holds under a name, those of requests apart since defaults and the like make them differ. */
export const requestSchemas = {
  ChatCompletionRequest: chatSchema,
  CompletionRequest: completionSchema,
  EmbeddingRequest: embeddingSchema,
  QuoteRequest: quoteRequestSchema,
  DepositRequest: depositRequestSchema,
  ChallengeRequest: challengeRequestSchema,
  SessionRequest: sessionRequestSchema,
  KeyRequest: keyRequestSchema,
  KeyChange: keyChangeSchema,
  KeyRotation: keyRotationSchema,
  SocketMessage: socketMessageSchema,
};
export const answerSchemas = {
  ChatCompletion: chatCompletionSchema,
  ChatCompletionChunk: chatChunkSchema,
  Completion: textCompletionSchema,
  CompletionChunk: textChunkSchema,
  Model: modelSchema,
  ModelList: modelListSchema,
  SocketAnswer: socketAnswerSchema,
  Health: z.strictObject({
    ok: z.boolean(),
    checks: z.array(z.strictObject({ name: z.string(), ok: z.boolean(), sentence: z.string().optional() })),
  }),
  Facts: z
    .looseObject({})
    .meta({ description: 'An object whose form follows what this version of the gateway knows.' }),
};

export type Content =
  | { readonly json: keyof typeof answerSchemas }
  | { readonly events: keyof typeof answerSchemas }
  | { readonly text: string };

export type Operation = {
  readonly method: 'get' | 'post' | 'patch' | 'delete';
  /** With `{name}` for what varies. */
  readonly path: string;
  readonly id: string;
  readonly summary: string;
  readonly description?: string;
  /** Whether it needs an API key. */
  readonly hasKey: boolean;
  /** Whether it takes the token of a session (besides an API key, if it takes that). */
  readonly hasSession?: boolean;
  readonly body?: keyof typeof requestSchemas;
  /** Whole numbers that its query must have, with what they are. */
  readonly query?: Readonly<Record<string, string>>;
  readonly requestHeaders?: readonly (keyof typeof requestHeaders)[];
  readonly status?: number;
  readonly content: readonly Content[];
  readonly answerHeaders?: readonly (keyof typeof answerHeaders)[];
  readonly errors: readonly number[];
};

export const requestHeaders = {
  'idempotency-key': {
    description:
      'A name for this request: asked again with it, the same body gets the same answer and is not billed again. It goes on when its sender hangs up.',
    schema: z.string().regex(/^[\x21-\x7e]{1,255}$/),
  },
  // Not looked at beside a key, and where the gateway takes no such payment.
  'payment-signature': {
    description:
      'A payment of x402 v2, base64, instead of an API key, where the gateway takes such; by `upto` its payload is `order` and `voucher`, as the headers have them.',
    schema: z.string(),
  },
  'x-karmesh-order': {
    description: 'In place of an API key: the signed order (F-35) of an escrow’s buyer, 272 digits in hexadecimal.',
    schema: z.string(),
  },
  'x-karmesh-voucher': {
    description: 'Beside an order: a voucher (F-32) over the same escrow, 208 digits in hexadecimal.',
    schema: z.string(),
  },
  'x-karmesh-assurance': {
    description: 'As `karmesh.assurance` of the body, which wins.',
    schema: z.enum(['stream', 'quorum', 'proof']),
  },
  'x-karmesh-progress': { description: '`1` adds chunks that tell what workers do.', schema: z.literal('1') },
  'x-karmesh-usage': {
    description: '`1` adds to each text of a stream what a worker has signed for it so far.',
    schema: z.literal('1'),
  },
};

export const answerHeaders = {
  'x-request-id': 'The request id of the first choice, in hexadecimal.',
  'idempotent-replayed': '`true` where the answer was given before.',
  'x-ratelimit-limit-requests': 'Requests that this API key may make at once, where it has a rate.',
  'x-ratelimit-remaining-requests': 'How many of them are left.',
  'x-ratelimit-reset-requests': 'When all of them are back, such as `1.5s`.',
  'retry-after': 'Seconds to wait before trying again.',
  'payment-required': 'With 402 where the gateway takes payments of x402: what the request costs, base64 of JSON.',
  'payment-response':
    'What became of the payment, base64 of JSON; `extra.creditedLamports` is what the payer was credited, `amount` by `upto` what a whole answer cost.',
  'x-karmesh-voucher-needed': 'With 402 to an order: lamports that the next voucher must name.',
  allow: 'The methods that the path has.',
  'www-authenticate': '`Bearer`.',
};

const BODY_ERRORS = [400, 401, 405, 408, 413, 415, 500] as const;
const ANSWER_ERRORS = [...BODY_ERRORS, 402, 404, 409, 422, 429, 502, 503, 504].sort((a, b) => a - b);
const RATE_HEADERS = [
  'x-ratelimit-limit-requests',
  'x-ratelimit-remaining-requests',
  'x-ratelimit-reset-requests',
] as const;
const answering = {
  method: 'post',
  hasKey: true,
  requestHeaders: [
    'idempotency-key',
    'payment-signature',
    'x-karmesh-order',
    'x-karmesh-voucher',
    'x-karmesh-assurance',
    'x-karmesh-progress',
    'x-karmesh-usage',
  ],
  answerHeaders: ['x-request-id', 'idempotent-replayed', 'payment-response', ...RATE_HEADERS],
  errors: ANSWER_ERRORS,
} as const;
const facts = (path: string, id: string, summary: string): Operation => ({
  method: 'get',
  path,
  id,
  summary,
  hasKey: false,
  content: [{ json: 'Facts' }],
  errors: [405, 500],
});
const live = (path: string, id: string, summary: string): Operation => ({
  ...facts(path, id, summary),
  content: [{ events: 'Facts' }],
  errors: [405, 500, 503],
});

const logged = (path: string, id: string, summary: string, query: Operation['query'] = {}): Operation => ({
  ...facts(path, id, summary),
  query,
  errors: [400, 404, 405, 500, 503],
});

const keyOrSession = { hasKey: true, hasSession: true } as const;
const session = { hasKey: false, hasSession: true } as const;
const ended = (path: string, id: string, summary: string, errors: readonly number[]): Operation => ({
  ...session,
  method: 'delete',
  path,
  id,
  summary,
  status: 204,
  content: [],
  errors,
});

/** Every route of the gateway; a test compares it with those that the app has. */
export const operations: readonly Operation[] = [
  {
    ...answering,
    path: '/v1/chat/completions',
    id: 'createChatCompletion',
    summary: 'Answer a conversation',
    description:
      'With `stream` an event for each chunk and `[DONE]` at the end; an error after the first text is an event, too.',
    body: 'ChatCompletionRequest',
    content: [{ json: 'ChatCompletion' }, { events: 'ChatCompletionChunk' }],
  },
  {
    ...answering,
    path: '/v1/completions',
    id: 'createCompletion',
    summary: 'Answer texts, each as one message of the user',
    body: 'CompletionRequest',
    content: [{ json: 'Completion' }, { events: 'CompletionChunk' }],
  },
  {
    method: 'post',
    path: '/v1/embeddings',
    id: 'createEmbedding',
    summary: 'Always 400 `unsupported`: no engine of the market gives embeddings',
    hasKey: true,
    body: 'EmbeddingRequest',
    content: [],
    errors: [...BODY_ERRORS],
  },
  {
    method: 'get',
    path: '/v1/models',
    id: 'listModels',
    summary: 'What is sold',
    hasKey: true,
    content: [{ json: 'ModelList' }],
    errors: [401, 405, 500],
  },
  {
    method: 'get',
    path: '/v1/models/{model}',
    id: 'retrieveModel',
    summary: 'One model; its name may hold slashes',
    hasKey: true,
    content: [{ json: 'Model' }],
    errors: [401, 404, 405, 500],
  },
  {
    method: 'get',
    path: '/v1/receipts/{requestId}',
    id: 'retrieveReceipt',
    summary: 'The bundle of an answer, for the key that asked',
    description: 'A payment of x402 that was taken stands for the key of its wallet.',
    hasKey: true,
    requestHeaders: ['payment-signature', 'x-karmesh-order'],
    content: [{ json: 'Facts' }],
    errors: [400, 401, 402, 404, 405, 500],
  },
  {
    method: 'get',
    path: '/v1/socket',
    id: 'openSocket',
    summary: 'A WebSocket for pages: chat requests as messages',
    description:
      'Messages are `SocketMessage`, answers `SocketAnswer`. The API key is in the first message, never in the address.',
    hasKey: false,
    status: 101,
    content: [],
    errors: [405, 426, 503],
  },
  facts('/v1/prices', 'listPrices', 'What each lane costs now'),
  {
    method: 'post',
    path: '/v1/quotes',
    id: 'createQuote',
    summary: 'A signed price for a lane, to be used as `karmesh.quote` until it expires',
    hasKey: true,
    body: 'QuoteRequest',
    status: 201,
    content: [{ json: 'Facts' }],
    answerHeaders: RATE_HEADERS,
    errors: [...BODY_ERRORS, 404, 429].sort((a, b) => a - b),
  },
  {
    ...facts(
      '/v1/account',
      'readAccount',
      'Credit, what is held for requests under way, and what keys have spent; an API key sees itself alone',
    ),
    ...keyOrSession,
    errors: [401, 405, 500, 503],
  },
  {
    ...facts('/v1/deposits', 'listDeposits', 'Deposits that were credited'),
    ...keyOrSession,
    errors: [401, 405, 500, 503],
  },
  {
    method: 'post',
    path: '/v1/deposits',
    id: 'createDepositOffer',
    summary: 'Where and how to pay in, at a signed rate',
    ...keyOrSession,
    body: 'DepositRequest',
    status: 201,
    content: [{ json: 'Facts' }],
    errors: [...BODY_ERRORS, 429, 503],
  },
  {
    method: 'post',
    path: '/v1/session/challenge',
    id: 'createChallenge',
    summary: 'A text for a wallet to sign (Sign In With Solana), good for five minutes and one session',
    hasKey: false,
    body: 'ChallengeRequest',
    content: [{ json: 'Facts' }],
    errors: BODY_ERRORS.filter((each) => each !== 401),
  },
  {
    method: 'post',
    path: '/v1/session',
    id: 'openSession',
    summary: 'A session’s token for the signed text; a wallet that is new gets an account',
    hasKey: false,
    body: 'SessionRequest',
    status: 201,
    content: [{ json: 'Facts' }],
    errors: [...BODY_ERRORS, 429, 503],
  },
  ended('/v1/session', 'endSession', 'Log out', [401, 405, 500, 503]),
  {
    ...facts('/v1/keys', 'listKeys', 'The account’s keys, without their secrets'),
    ...session,
    errors: [401, 405, 500, 503],
  },
  {
    ...session,
    method: 'post',
    path: '/v1/keys',
    id: 'createKey',
    summary: 'A new key; its secret is shown here and nowhere else',
    body: 'KeyRequest',
    status: 201,
    content: [{ json: 'Facts' }],
    errors: [...BODY_ERRORS, 503],
  },
  {
    ...session,
    method: 'patch',
    path: '/v1/keys/{id}',
    id: 'changeKey',
    summary: 'Another name or other caps; null takes a cap away',
    body: 'KeyChange',
    content: [{ json: 'Facts' }],
    errors: [...BODY_ERRORS, 404, 503],
  },
  {
    ...session,
    method: 'post',
    path: '/v1/keys/{id}/rotate',
    id: 'rotateKey',
    summary: 'A new secret for a key, which keeps its caps and what it has spent',
    body: 'KeyRotation',
    content: [{ json: 'Facts' }],
    errors: [...BODY_ERRORS, 404, 503],
  },
  ended('/v1/keys/{id}', 'revokeKey', 'End a key, within two seconds', [401, 404, 405, 500, 503]),
  {
    ...facts(
      '/v1/movements',
      'listMovements',
      'What moved the account’s credit, the newest first; `before` an id, at most `limit`',
    ),
    ...session,
    errors: [400, 401, 405, 500, 503],
  },
  {
    method: 'get',
    path: '/v1/log/checkpoint',
    id: 'readLogCheckpoint',
    summary: 'The newest checkpoint of the queue’s log, with its cosignatures (C2SP tlog-checkpoint)',
    hasKey: false,
    content: [{ text: 'text/plain' }],
    errors: [404, 405],
  },
  logged('/v1/log/entries', 'listLogEntries', 'Leaves of the queue’s log', {
    start: 'Index of the first leaf.',
    end: 'Index behind the last one; of more than 1,024 the first are given.',
  }),
  logged('/v1/log/tickets/{hash}', 'findLoggedTicket', 'Where a ticket entered'),
  logged('/v1/log/proof/inclusion', 'proveLogInclusion', 'That a leaf is in the log', {
    index: 'Index of the leaf.',
    size: 'Leaves of the log that it is shown to be in.',
  }),
  logged('/v1/log/proof/consistency', 'proveLogConsistency', 'That the log begins with an older one', {
    old: 'Leaves of the older log.',
    size: 'Leaves of the other one.',
  }),
  facts('/v1/workers', 'listEvidence', 'What speaks for and against each worker: outcomes, speed, audits, slashes'),
  facts('/v1/market', 'readMarket', 'What is public on chain, as this gateway last read it'),
  facts('/v1/market/workers', 'listWorkers', 'Workers and what they say of themselves'),
  facts('/v1/market/epochs', 'listEpochs', 'Epochs with their roots and votes'),
  facts('/v1/market/karma', 'listKarma', 'Who earned what in the last final epochs'),
  {
    ...facts(
      '/v1/market/claims/{epoch}/{participant}',
      'readClaim',
      'What a claim against a final epoch’s report shows: a participant’s leaf and its path',
    ),
    description:
      '`epoch` is one of the last final ones or `latest`, which owes all that those before it do; `claim` is null for who had earned nothing. Check the path against the claimsRoot on chain.',
    errors: [400, 404, 405, 500, 503],
  },
  live('/v1/market/mesh', 'watchMesh', 'This gateway’s peers, live'),
  live('/v1/market/queue', 'watchQueue', 'This gateway’s queue, live'),
  {
    method: 'get',
    path: '/openapi.json',
    id: 'readDocument',
    summary: 'This document',
    hasKey: false,
    content: [{ json: 'Facts' }],
    errors: [405],
  },
  {
    method: 'get',
    path: '/healthz',
    id: 'readHealth',
    summary: 'Would a restart help? 503 with the same object if so',
    hasKey: false,
    content: [{ json: 'Health' }],
    errors: [405, 503],
  },
  {
    method: 'get',
    path: '/readyz',
    id: 'readReadiness',
    summary: 'May requests come? 503 with the same object if not',
    hasKey: false,
    content: [{ json: 'Health' }],
    errors: [405, 503],
  },
  {
    method: 'get',
    path: '/metrics',
    id: 'readMetrics',
    summary: 'Prometheus text',
    hasKey: false,
    content: [{ text: 'text/plain' }],
    errors: [405],
  },
  {
    method: 'get',
    path: '/',
    id: 'readPage',
    summary: 'The page',
    hasKey: false,
    content: [{ text: 'text/html' }],
    errors: [404, 405],
  },
  {
    method: 'get',
    path: '/assets/{file}',
    id: 'readAsset',
    summary: 'A file of the page',
    hasKey: false,
    content: [{ text: '*/*' }],
    errors: [404, 405],
  },
];
