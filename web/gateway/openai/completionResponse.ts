import {
  type AnswerStyle,
  byIndex,
  finishReason,
  headFields,
  karmeshField,
  signedUsageField,
  usageField,
} from './answerFields.ts';
import type { Answer } from './answers.ts';
import type { TextChunk, TextCompletion } from './responseSchemas.ts';

const head = (answer: Answer) => ({ ...headFields(answer, 'cmpl'), object: 'text_completion' as const });

/** The objects of `POST /v1/completions`. */
export const completionStyle: AnswerStyle = {
  whole: (answer, ends, { origin }): TextCompletion => ({
    ...head(answer),
    choices: byIndex(ends).map((end) => ({
      index: end.index,
      text: end.text,
      logprobs: null,
      finish_reason: finishReason(end),
    })),
    usage: usageField(ends),
    karmesh: karmeshField(ends, origin),
  }),
  chunkHead: head,
  opening: () => [],
  chunks: (answer, event, view): readonly Omit<TextChunk, keyof ReturnType<typeof head>>[] => {
    const { ends, includeUsage, origin } = view;
    if (event.kind === 'workers' || (event.kind === 'text' && event.text === '')) return [];
    const finish = event.kind === 'end' ? finishReason(event) : null;
    const choice = { index: event.index, text: event.text, logprobs: null, finish_reason: finish };
    const isLast = event.kind === 'end' && ends.length === answer.choices;
    const karmesh = isLast ? { karmesh: karmeshField(ends, origin) } : {};
    return [
      { choices: [choice], ...(includeUsage ? { usage: null } : karmesh), ...signedUsageField(event, view) },
      ...(isLast && includeUsage ? [{ choices: [], usage: usageField(ends), ...karmesh }] : []),
    ];
  },
};
