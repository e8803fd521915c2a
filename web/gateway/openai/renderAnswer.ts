import type { AnswerStyle, AnswerView } from './answerFields.ts';
import type { Answer, AnswerEvent, ChoiceEnd } from './answers.ts';

/** The answer as one object, once all of its choices have ended. */
export async function wholeAnswer(
  answer: Answer,
  style: AnswerStyle,
  view: AnswerView & { onPriced?(lamports: bigint): void },
): Promise<object> {
  const texts = new Map<number, string>();
  const ends: ChoiceEnd[] = [];
  for await (const event of answer.events) {
    if (event.kind === 'workers') continue;
    const text = (texts.get(event.index) ?? '') + event.text;
    texts.set(event.index, text);
    if (event.kind === 'end') ends.push({ ...event, text });
  }
  view.onPriced?.(ends.reduce((sum, { done }) => sum + done.summary.priceLamports, 0n));
  return style.whole(answer, ends, view);
}

/** The objects of a stream, in order: the fields that each begins with, and the others of its first ones and of what each event of the answer adds. */
export function answerChunks(answer: Answer, style: AnswerStyle, view: AnswerView) {
  const soFar = { ...view, ends: [] as ChoiceEnd[] };
  return {
    head: style.chunkHead(answer),
    opening: style.opening(answer, view),
    added(event: AnswerEvent): readonly object[] {
      if (event.kind === 'end') soFar.ends.push(event);
      return style.chunks(answer, event, soFar);
    },
  };
}

/** The JSON of objects that all begin with the fields of `head`, which is made once; neither is empty. */
export function jsonBehind(head: object): (rest: object) => string {
  const begun = JSON.stringify(head).slice(0, -1);
  return (rest) => `${begun},${JSON.stringify(rest).slice(1)}`;
}
