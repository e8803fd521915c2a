import { toHex } from '@karmesh/sdk/protocol';
import bs58 from 'bs58';
import {
  type AnswerStyle,
  type AnswerView,
  byIndex,
  finishReason,
  headFields,
  karmeshField,
  signedUsageField,
  usageField,
} from './answerFields.ts';
import type { AnswerEvent, ChoiceEnd } from './answers.ts';
import type { ChatChunk, ChatCompletion } from './responseSchemas.ts';

type Delta = ChatChunk['choices'][number]['delta'];
type ChunkHead = Pick<ChatChunk, keyof ReturnType<typeof headFields> | 'object'>;
type ChunkRest = Omit<ChatChunk, keyof ChunkHead>;
type Finish = ChatCompletion['choices'][number]['finish_reason'];

/** The objects of `POST /v1/chat/completions`. */
export const chatStyle: AnswerStyle = {
  whole: (answer, ends, { origin }): ChatCompletion => ({
    ...headFields(answer, 'chatcmpl'),
    object: 'chat.completion',
    choices: byIndex(ends).map((end) => ({
      index: end.index,
      message: messageOf(end),
      logprobs: null,
      finish_reason: finishOf(end),
    })),
    usage: usageField(ends),
    karmesh: karmeshField(ends, origin),
  }),
  chunkHead: (answer) => ({ ...headFields(answer, 'chatcmpl'), object: 'chat.completion.chunk' }) satisfies ChunkHead,
  opening: (answer, view) =>
    Array.from({ length: answer.choices }, (_, index) =>
      chunk(view, { index, delta: { role: 'assistant', content: '', refusal: null } }),
    ),
  chunks: (answer, event, view) => {
    const { index } = event;
    if (event.kind === 'text') return textChunks(event, view);
    if (event.kind === 'workers') {
      const karmeshProgress = event.event.workers.map(({ worker, step }) => ({ worker: bs58.encode(worker), step }));
      return [{ ...chunk(view, { index, delta: {} }), karmeshProgress }];
    }
    const isLast = view.ends.length === answer.choices;
    const { includeUsage } = view;
    const karmesh = isLast ? { karmesh: karmeshField(view.ends, view.origin) } : {};
    return [
      ...textChunks(event, view),
      ...callChunks(event, view),
      { ...chunk(view, { index, delta: {}, finish: finishOf(event) }), ...(includeUsage ? {} : karmesh) },
      ...(isLast && includeUsage
        ? [{ choices: [], usage: usageField(view.ends), ...karmesh } satisfies ChunkRest]
        : []),
    ];
  },
};

function messageOf(end: ChoiceEnd): ChatCompletion['choices'][number]['message'] {
  const calls = callsOf(end);
  return {
    role: 'assistant',
    content: calls.length > 0 && end.text === '' ? null : end.text,
    refusal: null,
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
}

/** The id of a call is its request's with the place, so that no two answers share one. */
function callsOf({ done, toolCalls }: ChoiceEnd) {
  const requestId = toHex(done.summary.requestId).slice(0, 24);
  return toolCalls.map(({ name, arguments: given }, place) => ({
    id: `call_${requestId}_${place}`,
    type: 'function' as const,
    function: { name, arguments: given },
  }));
}

function finishOf(end: ChoiceEnd): Finish {
  return end.toolCalls.length > 0 ? 'tool_calls' : finishReason(end);
}

function textChunks(event: Extract<AnswerEvent, { text: string }>, view: AnswerView): ChunkRest[] {
  if (event.text === '') return [];
  return [{ ...chunk(view, { index: event.index, delta: { content: event.text } }), ...signedUsageField(event, view) }];
}

function callChunks(end: ChoiceEnd, view: AnswerView): ChunkRest[] {
  const calls = callsOf(end).map((call, index) => ({ index, ...call }));
  return calls.length === 0 ? [] : [chunk(view, { index: end.index, delta: { tool_calls: calls } })];
}

/** One chunk of a stream, behind its head. With `includeUsage` every chunk but the last carries `usage: null`, as OpenAI's do. */
function chunk(
  view: AnswerView,
  choice: { readonly index: number; readonly delta: Delta; readonly finish?: Finish },
): ChunkRest {
  return {
    choices: [{ index: choice.index, delta: choice.delta, logprobs: null, finish_reason: choice.finish ?? null }],
    ...(view.includeUsage ? { usage: null } : {}),
  };
}
