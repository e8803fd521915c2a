import { KarmeshError } from '@karmesh/sdk/errors';
import { fromHex, type RequestId } from '@karmesh/sdk/protocol';
import type { Context } from 'hono';
import type { AnswerStyle, AnswerView } from '../openai/answerFields.ts';
import type { AnswerRequest } from '../openai/answerRequest.ts';
import type { Answer, Answers, Caller } from '../openai/answers.ts';
import { answerChunks, jsonBehind, wholeAnswer } from '../openai/renderAnswer.ts';
import { endConnection, hasLeft } from './endConnection.ts';
import { EVENT_HEADERS, eventBody } from './eventBody.ts';

export type OriginOptions = {
  /** Where clients reach the gateway, without a slash at its end; their own view of it unless told. */
  readonly publicUrl?: string | undefined;
};

/** Asks the market what `request` asks, and answers with one object or with server-sent events that end with `[DONE]`. */
export async function sendAnswer(
  context: Context,
  request: AnswerRequest,
  parts: OriginOptions & {
    readonly answers: Answers;
    readonly style: AnswerStyle;
    readonly caller: Caller;
    /** Told of the request once the market has accepted it, where it goes on if its sender hangs up. */
    readonly onAccepted: ((requestId: RequestId) => Promise<void>) | undefined;
    /** Told what a whole answer cost, with all its choices, before it is sent. */
    onPriced(lamports: bigint): void;
  },
): Promise<Response> {
  const { answers, caller, onAccepted, onPriced, style } = parts;
  const answer = await answers.begin(request, {
    ...caller,
    signal: onAccepted === undefined ? context.req.raw.signal : new AbortController().signal,
    // Clients of OpenAI's API know no such chunks, so that only those who ask for them get them.
    wantsProgress: request.stream && context.req.header('x-karmesh-progress') === '1',
  });
  try {
    await onAccepted?.(fromHex(answer.requestId));
  } catch (cause) {
    answer.close();
    throw cause;
  }
  context.header('x-request-id', answer.requestId);
  const view = {
    origin: originOf(context, parts),
    includeUsage: request.includeUsage,
    showsUsage: context.req.header('x-karmesh-usage') === '1',
  };
  if (!request.stream) {
    try {
      return context.json(await wholeAnswer(answer, style, { ...view, onPriced }));
    } finally {
      answer.close();
    }
  }
  const over = endAfterAbort(context, answer);
  const body = eventBody(eventsOf(answer, { answers, style, view }, over), {
    hasLeft: () => onAccepted === undefined && hasLeft(context),
    leave() {
      answer.abort.abort(new KarmeshError('ABORTED', 'The client closed the connection.'));
      over();
    },
  });
  return context.body(body, { headers: EVENT_HEADERS });
}

/** How long a client may go on to take what is there once its answer was given up, in milliseconds. */
const END_MS = 5_000;

/** Closes a connection that does not take what is written to it, some seconds after its answer was aborted. What is given back ends the answer. */
function endAfterAbort(context: Context, answer: Pick<Answer, 'abort' | 'close'>): () => void {
  const { signal } = answer.abort;
  let timer: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    timer = setTimeout(() => endConnection(context), END_MS);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  return () => {
    answer.close();
    signal.removeEventListener('abort', onAbort);
    clearTimeout(timer);
  };
}

/** The data of an answer's events; a failure is the last of them. */
async function* eventsOf(
  answer: Answer,
  parts: { readonly answers: Answers; readonly style: AnswerStyle; readonly view: AnswerView },
  over: () => void,
): AsyncGenerator<string, void, undefined> {
  const { answers, style, view } = parts;
  try {
    const { head, opening, added } = answerChunks(answer, style, view);
    const render = jsonBehind(head);
    for (const chunk of opening) yield render(chunk);
    for await (const event of answer.events) for (const chunk of added(event)) yield render(chunk);
    yield '[DONE]';
  } catch (cause) {
    yield JSON.stringify(answers.broken(cause).body);
  } finally {
    over();
  }
}

export function originOf(context: Context, options: OriginOptions): string {
  return options.publicUrl ?? new URL(context.req.url).origin;
}
