import { KarmeshError } from '@karmesh/sdk/errors';
import type { Logger } from '@karmesh/sdk/runtime';
import type { OpenRequests } from '../middleware/openRequests.ts';
import type { RequestRates } from '../middleware/requestRate.ts';
import type { Answers } from '../openai/answers.ts';
import { ApiError, invalidRequest, toApiError } from '../openai/apiError.ts';
import { parseChatRequest } from '../openai/chatRequest.ts';
import { chatStyle } from '../openai/chatResponse.ts';
import { parseJson } from '../openai/parseJson.ts';
import { answerChunks, wholeAnswer } from '../openai/renderAnswer.ts';
import { socketEnvelopeSchema } from '../openai/socketMessages.ts';
import { tokensAsked } from '../scheduler/worstCase.ts';
import type { FoundKey } from '../store/apiKeys.ts';
import type { SocketPlace } from './openSockets.ts';

export type SocketSessionParts = {
  readonly answers: Answers;
  readonly open: OpenRequests;
  readonly rates: RequestRates;
  readonly log: Pick<Logger, 'error'>;
  readonly place: Pick<SocketPlace, 'name'>;
  findKey(key: string): Promise<FoundKey | undefined>;
};

/** One client's socket. */
export type SocketLine = {
  /** Resolves once the socket has taken it. */
  send(text: string): Promise<void>;
  close(code: number, reason: string): void;
  /** Takes no more from the client until `resume`. */
  pause(): void;
  resume(): void;
};

export type SocketSession = {
  message(text: string): void;
  /** The client has gone: whatever runs is cancelled. */
  closed(): void;
};

const KEY_MS = 10_000;
const MAX_RUNNING = 8;
/** Messages that came together with the one before. */
const MAX_WAITING = 64;
/** The first message holds a key and nothing else. */
const MAX_KEY_MESSAGE_BYTES = 4_096;
/** RFC 6455, section 7.4.1. */
const POLICY_VIOLATION = 1008;

/** Answers chat requests that come as messages, after one that holds an API key. */
export function socketSession(
  options: { readonly maxBodyBytes: number; readonly origin: string },
  parts: SocketSessionParts,
  line: SocketLine,
): SocketSession {
  const running = new Map<string, AbortController>();
  /** The key that the client gave; whether it is still valid is asked for each request. */
  let secret: string | undefined;
  let waiting = 0;
  let last = Promise.resolve();
  let isClosed = false;

  const refuse = (reason: string): void => {
    isClosed = true;
    line.close(POLICY_VIOLATION, reason);
  };
  const timer = setTimeout(() => refuse('No API key came.'), KEY_MS);
  const send = (object: object): Promise<void> => line.send(JSON.stringify(object));

  const fail = async (id: string | null, cause: unknown): Promise<void> => {
    const error = toApiError(cause);
    if (error.status === 500) parts.log.error({ err: cause }, 'A request failed through a fault of the gateway.');
    // Who has closed the socket hears nothing any more.
    await send({ id, error: error.body.error }).catch(() => {});
  };

  const answer = async (
    { accountId, keyHash }: FoundKey,
    asked: {
      readonly id: string;
      readonly request: unknown;
      readonly wantsProgress: boolean;
      readonly signal: AbortSignal;
    },
  ): Promise<void> => {
    const { id, signal, wantsProgress } = asked;
    parts.rates.take(keyHash);
    using _place = parts.open.take(keyHash);
    const request = parseChatRequest(asked.request, undefined);
    parts.rates.takeTokens(keyHash, () => tokensAsked(parts.answers.plan(request)));
    const view = { origin: options.origin, includeUsage: request.includeUsage, showsUsage: false };
    const begun = await parts.answers.begin(request, {
      keyHash,
      accountId,
      signal,
      wantsProgress: wantsProgress && request.stream,
    });
    try {
      if (!request.stream) await send({ id, completion: await wholeAnswer(begun, chatStyle, view) });
      else {
        const { head, opening, added } = answerChunks(begun, chatStyle, view);
        for (const chunk of opening) await send({ id, chunk: { ...head, ...chunk } });
        for await (const event of begun.events)
          for (const chunk of added(event)) await send({ id, chunk: { ...head, ...chunk } });
      }
      await send({ id, done: true });
    } finally {
      begun.close();
    }
  };

  const run = async (key: string, id: string, request: unknown, wantsProgress: boolean): Promise<void> => {
    if (running.has(id)) return fail(id, invalidRequest('A request with this id is under way.', 'id'));
    if (running.size >= MAX_RUNNING) return fail(id, tooManyOfSocket());
    const abort = new AbortController();
    running.set(id, abort);
    try {
      const owner = await parts.findKey(key);
      if (owner === undefined) return refuse('The API key is not valid any more.');
      await answer(owner, { id, request, wantsProgress, signal: abort.signal });
    } catch (cause) {
      await fail(id, cause);
    } finally {
      running.delete(id);
    }
  };

  const take = async (text: string): Promise<void> => {
    if (isClosed) return;
    if (secret === undefined && Buffer.byteLength(text) > MAX_KEY_MESSAGE_BYTES)
      return refuse('The first message must hold an API key.');
    const message = readMessage(text, options.maxBodyBytes);
    if ('key' in message) {
      const found = await parts.findKey(message.key);
      if (found === undefined) return refuse('Incorrect API key provided.');
      if (!parts.place.name(found.keyHash))
        return refuse(
          secret === undefined
            ? 'This API key has as many sockets open as it may.'
            : 'This socket has another API key already.',
        );
      clearTimeout(timer);
      secret = message.key;
      return send({ ready: true });
    }
    if (secret === undefined) return refuse('The first message must hold an API key.');
    if ('cancel' in message) {
      running.get(message.cancel)?.abort();
      return;
    }
    // It runs beside those that come after it, and tells of its own end.
    void run(secret, message.id, message.request, message.progress ?? false);
  };

  return {
    message(text) {
      if (isClosed) return;
      waiting += 1;
      if (waiting > MAX_WAITING) return refuse('Too many messages at once.');
      // What waits lies with the client, not here.
      line.pause();
      last = last
        .then(() => take(text))
        .catch((cause: unknown) => fail(null, cause))
        .finally(() => {
          waiting -= 1;
          if (waiting === 0) line.resume();
        });
    },
    closed() {
      isClosed = true;
      clearTimeout(timer);
      for (const abort of running.values()) {
        abort.abort(new KarmeshError('ABORTED', 'The client closed the connection.'));
      }
    },
  };
}

function readMessage(text: string, maxBytes: number) {
  const bytes = Buffer.from(text);
  if (bytes.length > maxBytes) {
    throw new ApiError({
      status: 413,
      type: 'invalid_request_error',
      code: 'request_too_large',
      message: `The message is larger than ${maxBytes} bytes.`,
    });
  }
  const parsed = socketEnvelopeSchema.safeParse(parseJson(bytes));
  if (parsed.success) return parsed.data;
  throw invalidRequest("A message is {key}, {id, request} with an optional 'progress', or {cancel}.", null);
}

function tooManyOfSocket(): ApiError {
  return new ApiError({
    status: 429,
    type: 'rate_limit_error',
    code: 'too_many_open_requests',
    message: `This socket has ${MAX_RUNNING} requests under way, which is as many as it may have at once.`,
  });
}
