import { KarmeshError } from '@karmesh/sdk/errors';
import { toHex } from '@karmesh/sdk/protocol';
import type { Logger, Metrics } from '@karmesh/sdk/runtime';
import { type Context, Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import type { Market, MarketEvent, MarketRequest } from '../market.ts';
import { type Authenticated, authenticate } from '../middleware/authenticate.ts';
import { invalidRequest, modelNotFound, toApiError } from '../openai/apiError.ts';
import { type ChatRequest, parseChatRequest } from '../openai/chatRequest.ts';
import { type AnswerHead, chunk, completion, karmeshField, progressField, usageChunk } from '../openai/chatResponse.ts';
import { readJson } from '../openai/readJson.ts';
import type { KeyHash } from '../store/apiKeys.ts';

export type ChatOptions = {
  /** Bytes of a request's body at most. */
  readonly maxBodyBytes: number;
  /** Tokens of an answer where the client names no limit. */
  readonly defaultMaxTokens: number;
  /** How long a request may take in all, in milliseconds. */
  readonly deadlineMs: number;
  /** Where clients reach the gateway, without a slash at its end; their own view of it unless told. */
  readonly publicUrl?: string | undefined;
};

export type ChatParts = {
  readonly market: Market;
  readonly metrics: Metrics;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly clock: { nowMs(): number };
  findKey(key: string): Promise<KeyHash | undefined>;
};

type Done = Extract<MarketEvent, { kind: 'done' }>;
type Events = AsyncGenerator<MarketEvent, void, undefined>;

/** `POST /v1/chat/completions`, streaming and not, as https://platform.openai.com/docs/api-reference/chat has it. */
export const chatRoutes = (options: ChatOptions) => (parts: ChatParts) => {
  const { market, metrics, log, clock } = parts;
  const tokens = metrics.counter({
    name: 'gateway_answer_tokens_total',
    help: 'Tokens of finished answers.',
    labels: ['kind'],
  });
  const firstText = metrics.histogram({
    name: 'gateway_first_text_seconds',
    help: 'From the request to the first text of its answer.',
    labels: ['assurance'],
    buckets: [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60],
  });

  const broken = metrics.counter({
    name: 'gateway_broken_streams_total',
    help: 'Answers that broke off after their first text, by the code that the client was told.',
    labels: ['code'],
  });

  const ended = (done: Done): void => {
    tokens.inc({ kind: 'prompt' }, done.promptTokens);
    tokens.inc({ kind: 'output' }, done.outputTokens);
    log.info(
      {
        requestId: toHex(done.summary.requestId),
        epoch: done.summary.epoch.toString(),
        dispatchNumber: done.summary.dispatchNumber.toString(),
        promptTokens: done.promptTokens,
        outputTokens: done.outputTokens,
        verdict: done.summary.verdict,
      },
      'Answered.',
    );
  };

  const answerWhole = async (context: Context, head: AnswerHead, events: Events): Promise<Response> => {
    let text = '';
    let done: Done | undefined;
    for await (const event of events) {
      if (event.kind === 'text') text += event.text;
      else if (event.kind === 'done') done = event;
    }
    if (done === undefined) throw new KarmeshError('NO_QUORUM', 'The market ended an answer without its evidence.');
    ended(done);
    const karmesh = karmeshField(done.summary, originOf(context, options));
    return context.json(completion(head, { text, finishReason: done.finishReason, usage: done, karmesh }));
  };

  const answerStream = async (
    context: Context,
    head: AnswerHead,
    run: { readonly events: Events; readonly includeUsage: boolean; readonly abort: AbortController },
  ): Promise<Response> => {
    const { events, includeUsage } = run;
    // Until there is text a failure can still have its own HTTP status; afterwards it can only be a line of the stream.
    const first = await events.next();
    const origin = originOf(context, options);
    // Proxies that buffer would turn a stream into one late block.
    context.header('x-accel-buffering', 'no');
    return streamSSE(context, async (stream) => {
      stream.onAbort(() => run.abort.abort(new KarmeshError('ABORTED', 'The client closed the connection.')));
      const send = (object: unknown) => stream.writeSSE({ data: JSON.stringify(object) });
      const sendEvent = async (event: MarketEvent): Promise<void> => {
        if (event.kind === 'text' && event.text !== '') {
          await send(chunk(head, { delta: { content: event.text }, includeUsage }));
        }
        if (event.kind === 'workers') {
          await send(chunk(head, { delta: {}, includeUsage, karmeshProgress: progressField(event) }));
        }
        if (event.kind !== 'done') return;
        ended(event);
        const karmesh = karmeshField(event.summary, origin);
        const { finishReason } = event;
        await send(chunk(head, { delta: {}, finishReason, includeUsage, ...(includeUsage ? {} : { karmesh }) }));
        if (includeUsage) await send(usageChunk(head, { usage: event, karmesh }));
      };
      try {
        await send(chunk(head, { delta: { role: 'assistant', content: '', refusal: null }, includeUsage }));
        for (let next = first; !next.done; next = await events.next()) await sendEvent(next.value);
        await stream.writeSSE({ data: '[DONE]' });
      } catch (cause) {
        const error = toApiError(cause);
        if (error.status >= 500) log.warn({ err: cause, status: error.status }, 'An answer broke off in mid-stream.');
        broken.inc({ code: error.body.error.code ?? 'none' });
        await send(error.body);
      } finally {
        await events.return(undefined);
      }
    });
  };

  return new Hono<Authenticated>()
    .use('/v1/chat/completions', authenticate(parts))
    .post('/v1/chat/completions', async (context) => {
      const began = clock.nowMs();
      const request = parseChatRequest(
        await readJson(context.req.raw, options.maxBodyBytes),
        context.req.header('x-karmesh-assurance'),
      );
      const abort = new AbortController();
      const signal = AbortSignal.any([context.req.raw.signal, abort.signal]);
      const marketRequest = toMarketRequest(market, request, { ...options, keyHash: context.get('keyHash') });
      // Clients of OpenAI's API know no such chunks, so that only those who ask for them get them.
      const wantsProgress = request.stream && context.req.header('x-karmesh-progress') === '1';
      const events = watch(() => market.ask(marketRequest, { signal, ...(wantsProgress ? { wantsProgress } : {}) }), {
        deadlineMs: options.deadlineMs,
        abort,
        onFirstText: () => firstText.observe({ assurance: request.assurance }, (clock.nowMs() - began) / 1000),
      });
      const accepted = await events.next();
      if (accepted.done || accepted.value.kind !== 'accepted') {
        throw new KarmeshError('NO_QUORUM', 'The market began an answer without its request.');
      }
      const requestId = toHex(accepted.value.requestId);
      context.header('x-request-id', requestId);
      const head = { id: `chatcmpl-${requestId}`, created: Math.floor(began / 1000), model: request.model };
      if (!request.stream) return answerWhole(context, head, events);
      return answerStream(context, head, { events, includeUsage: request.includeUsage, abort });
    });
};

/** Passes the market's events on, ends them at the deadline and tells when text began. */
async function* watch(
  ask: () => AsyncIterable<MarketEvent>,
  options: { readonly deadlineMs: number; readonly abort: AbortController; onFirstText(): void },
): Events {
  const { deadlineMs, abort } = options;
  const timer = setTimeout(() => {
    abort.abort(new KarmeshError('WORKER_TIMEOUT', 'The market did not finish the answer in time.', { deadlineMs }));
  }, deadlineMs);
  let seen = false;
  try {
    for await (const event of ask()) {
      if (!seen && event.kind === 'text') {
        seen = true;
        options.onFirstText();
      }
      yield event;
    }
  } finally {
    clearTimeout(timer);
  }
}

function toMarketRequest(
  market: Market,
  request: ChatRequest,
  options: Pick<ChatOptions, 'defaultMaxTokens'> & { readonly keyHash: KeyHash },
): MarketRequest {
  const model = market.models().find(({ manifest }) => manifest.name === request.model);
  if (model === undefined) throw modelNotFound(request.model);
  const { contextLength } = model.manifest;
  const maxTokens = request.maxTokens ?? Math.min(options.defaultMaxTokens, Math.ceil(contextLength / 2));
  if (maxTokens >= contextLength) {
    throw invalidRequest(
      `This model's maximum context length is ${contextLength} tokens. However, you requested ${maxTokens} tokens for the completion alone.`,
      'max_tokens',
      'context_length_exceeded',
    );
  }
  return {
    model,
    assurance: request.assurance,
    maxTokens,
    temperatureMicro: request.temperatureMicro,
    stops: request.stops,
    messages: request.messages,
    keyHash: options.keyHash,
  };
}

function originOf(context: Context, options: Pick<ChatOptions, 'publicUrl'>): string {
  return options.publicUrl ?? new URL(context.req.url).origin;
}
