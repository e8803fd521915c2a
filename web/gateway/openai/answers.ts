import { KarmeshError } from '@karmesh/sdk/errors';
import { BRONZE, type EscrowAddress, type ModelId, type Signed, toHex, type Usage } from '@karmesh/sdk/protocol';
import type { Logger, Metrics } from '@karmesh/sdk/runtime';
import type { Market, MarketEvent, MarketRequest } from '../market.ts';
import type { EarnedLanes } from '../pricing/earnedLanes.ts';
import type { FoundKey } from '../store/apiKeys.ts';
import type { Abilities } from './abilities.ts';
import type { AnswerForm, FormEnd } from './answerForm.ts';
import type { AnswerRequest } from './answerRequest.ts';
import { invalidRequest, modelNotFound, toApiError, unsupportedParameter } from './apiError.ts';
import { askChoices, type ChoiceEvent } from './askChoices.ts';

export type AnswerOptions = {
  /** Tokens of an answer where the client names no limit. */
  readonly defaultMaxTokens: number;
  /** How long a request may take in all, in milliseconds. */
  readonly deadlineMs: number;
  /** What models can beyond plain text; nothing unless told. */
  readonly abilities?: Abilities | undefined;
};

export type AnswerParts = {
  readonly market: Market;
  readonly metrics: Metrics;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly clock: { nowMs(): number };
  /** What a signed quote, in hexadecimal, promises for a model; to look at it uses nothing up. @throws ApiError 400 if it is not to be kept. */
  offerOf?(quote: string, modelId: ModelId, how: 'look' | 'use'): { readonly lane: number; readonly unitPrice: bigint };
  /** Lanes that accounts have earned; none unless told. */
  readonly earnedLanes?: EarnedLanes | undefined;
};

/** Whose a request is, and the escrow that pays for it in place of the account's credit. */
export type Caller = FoundKey & { readonly escrow?: EscrowAddress | undefined };

/** Whose a request is that is only looked at. */
const NOBODY: FoundKey = { keyHash: new Uint8Array(32), accountId: 0n };

type Done = Extract<MarketEvent, { kind: 'done' }>;

/** A choice that has ended. */
export type ChoiceEnd = FormEnd & { readonly kind: 'end'; readonly index: number; readonly done: Done };

/** What happens to an answer, with the number of the choice. */
export type AnswerEvent =
  | { readonly kind: 'workers'; readonly index: number; readonly event: Extract<MarketEvent, { kind: 'workers' }> }
  /** `usage` is what a worker has signed for all of the choice so far; undefined where nothing was signed for a part of it. */
  | { readonly kind: 'text'; readonly index: number; readonly text: string; readonly usage: Signed<Usage> | undefined }
  | ChoiceEnd;

export type AnswerEvents = AsyncIterableIterator<AnswerEvent, void, undefined>;

/** An answer under way. */
export type Answer = {
  readonly model: string;
  /** The request id of the first choice, in hexadecimal. */
  readonly requestId: string;
  /** Milliseconds. */
  readonly createdMs: number;
  readonly choices: number;
  readonly events: AnswerEvents;
  /** Aborting it cancels the work. */
  readonly abort: AbortController;
  /** Leaves whatever still runs. */
  close(): void;
};

export type Answers = {
  /** What a request would ask of the market, for whoever has to say what it costs. @throws ApiError 400, 404 for what it cannot ask. */
  plan(request: AnswerRequest): readonly MarketRequest[];
  /**
   * Asks the market; returns once it has accepted, and for a stream once there is something to tell: until then a failure can still have
   * an HTTP status of its own.
   */
  begin(
    request: AnswerRequest,
    caller: Caller & { readonly signal: AbortSignal; readonly wantsProgress: boolean },
  ): Promise<Answer>;
  /** Counts an answer that broke off after its head was sent, and says what the client is told. */
  broken(cause: unknown): ReturnType<typeof toApiError>;
};

/** Turns requests of any of the API's doors into the market's, and its events into what may be shown. */
export const createAnswers =
  (options: AnswerOptions) =>
  (parts: AnswerParts): Answers => {
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
    const brokenStreams = metrics.counter({
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

    async function* shown(
      events: AsyncIterable<ChoiceEvent>,
      forms: readonly AnswerForm[],
      onText: () => void,
    ): AsyncGenerator<AnswerEvent, void, undefined> {
      const open = new Set(forms.keys());
      for await (const { index, event } of events) {
        const form = forms[index];
        if (form === undefined) continue;
        if (event.kind === 'workers') yield { kind: 'workers', index, event };
        if (event.kind === 'text') {
          onText();
          yield { kind: 'text', index, text: form.push(event.text), usage: event.usage };
        }
        if (event.kind === 'done') {
          open.delete(index);
          ended(event);
          yield { kind: 'end', index, done: event, ...form.end() };
        }
      }
      if (open.size > 0) throw new KarmeshError('NO_QUORUM', 'The market ended an answer without its evidence.');
    }

    return {
      plan: (request) => {
        const { lane = BRONZE } = request;
        return toMarketRequests(parts, request, { ...options, ...NOBODY, terms: { lane }, how: 'look' });
      },
      async begin(request, { keyHash, accountId, escrow, signal, wantsProgress }) {
        const began = clock.nowMs();
        const { lane = BRONZE } = request;
        const terms = (await parts.earnedLanes?.termsOf(accountId, request.lane)) ?? { lane };
        const requests = toMarketRequests(parts, request, {
          ...options,
          keyHash,
          accountId,
          escrow,
          terms,
          how: 'use',
        });
        const abort = new AbortController();
        // The server's own reason is no error, which nobody would catch as one.
        const leave = (): void => abort.abort(new KarmeshError('ABORTED', 'The client closed the connection.'));
        signal.addEventListener('abort', leave, { once: true });
        if (signal.aborted) leave();
        const { deadlineMs } = options;
        const stopListening = (): void => signal.removeEventListener('abort', leave);
        const choices = await askChoices(market, { requests, abort, deadlineMs, wantsProgress }).catch((cause) => {
          stopListening();
          throw cause;
        });
        let isFirst = true;
        const onText = (): void => {
          if (isFirst) firstText.observe({ assurance: request.assurance }, (clock.nowMs() - began) / 1000);
          isFirst = false;
        };
        const forms = requests.map(() => request.form());
        const events = shown(choices.events, forms, onText);
        const answer = {
          model: request.model,
          requestId: toHex(choices.requestIds[0] ?? new Uint8Array()),
          createdMs: began,
          choices: requests.length,
          abort,
          close() {
            stopListening();
            choices.close();
          },
        };
        if (!request.stream) return { ...answer, events };
        try {
          return { ...answer, events: startingWith(await events.next(), events) };
        } catch (cause) {
          answer.close();
          throw cause;
        }
      },
      broken(cause) {
        const error = toApiError(cause);
        if (error.status >= 500) log.warn({ err: cause, status: error.status }, 'An answer broke off in mid-stream.');
        brokenStreams.inc({ code: error.body.error.code ?? 'none' });
        return error;
      },
    };
  };

/** The events of `rest` after one that was taken from them. */
function startingWith(
  first: IteratorResult<AnswerEvent, void>,
  rest: AsyncGenerator<AnswerEvent, void, undefined>,
): AnswerEvents {
  let isFirst = true;
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    next() {
      if (!isFirst) return rest.next();
      isFirst = false;
      return Promise.resolve(first);
    },
    return: () => rest.return(),
  };
}

function toMarketRequests(
  { market, offerOf }: Pick<AnswerParts, 'market' | 'offerOf'>,
  request: AnswerRequest,
  options: Pick<AnswerOptions, 'defaultMaxTokens' | 'abilities'> &
    Caller & { readonly terms: Pick<MarketRequest, 'lane' | 'unitPrice'>; readonly how: 'look' | 'use' },
): readonly MarketRequest[] {
  const model = market.models().find(({ manifest }) => manifest.name === request.model);
  if (model === undefined) throw modelNotFound(request.model);
  const can = options.abilities?.get(request.model);
  const missing = request.needs.find(({ ability }) => can?.has(ability) !== true);
  if (missing !== undefined) throw unsupportedParameter(missing.param, 'with this model');
  const { contextLength } = model.manifest;
  const maxTokens = request.maxTokens ?? Math.min(options.defaultMaxTokens, Math.ceil(contextLength / 2));
  if (maxTokens >= contextLength) {
    throw invalidRequest(
      `This model's maximum context length is ${contextLength} tokens. However, you requested ${maxTokens} tokens for the completion alone.`,
      'max_tokens',
      'context_length_exceeded',
    );
  }
  const offer = request.quote === undefined ? options.terms : offerOf?.(request.quote, model.modelId, options.how);
  if (offer === undefined)
    throw invalidRequest('This gateway takes no quotes.', 'karmesh.quote', 'unsupported_parameter');
  return request.conversations.map((messages) => ({
    model,
    assurance: request.assurance,
    maxTokens,
    temperatureMicro: request.temperatureMicro,
    stops: request.stops,
    messages,
    keyHash: options.keyHash,
    accountId: options.accountId,
    escrow: options.escrow,
    ...offer,
  }));
}
