import { z } from 'zod';
import { KarmeshError } from '../errors.ts';
import { type AnswerEvidence, karmeshField } from './answerEvidence.ts';
import { readEvents } from './readEvents.ts';

/** What an answer says of itself. */
export interface Told {
  readonly evidence: AnswerEvidence | undefined;
  /** Output tokens of all choices together, where it says so. */
  readonly outputTokens: number | undefined;
  /** Whether it said that it is whole. A client may leave a stream then, before the connection ends. */
  readonly isDone: boolean;
}

const part = z.union([
  z.object({ error: z.object({ message: z.string() }) }),
  z.object({
    karmesh: karmeshField.optional(),
    usage: z.object({ completion_tokens: z.int().nonnegative() }).nullish(),
  }),
]);

/**
 * Reads the evidence out of an answer, whole (`application/json`) or as a stream (`text/event-stream`). Throws `GATEWAY_REFUSED` where the answer broke off, `PROTOCOL_VIOLATION` for
 * what is no answer of the API, `ABORTED` and whatever else ended the body.
 */
export async function readTold(body: ReadableStream<Uint8Array>, contentType: string): Promise<Told> {
  const told: { -readonly [K in keyof Told]: Told[K] } = {
    evidence: undefined,
    outputTokens: undefined,
    isDone: false,
  };
  const isStream = contentType.startsWith('text/event-stream');
  for await (const text of isStream ? readEvents(body) : wholeText(body)) {
    told.isDone = !isStream || text === '[DONE]';
    if (isStream && told.isDone) return told;
    const { data } = part.safeParse(parseJson(text));
    if (data === undefined)
      throw new KarmeshError('PROTOCOL_VIOLATION', 'The answer’s evidence is in another form.', { rule: 'B-03' });
    if ('error' in data) throw new KarmeshError('GATEWAY_REFUSED', data.error.message);
    told.evidence = data.karmesh ?? told.evidence;
    told.outputTokens = data.usage?.completion_tokens ?? told.outputTokens;
  }
  return told;
}

async function* wholeText(body: ReadableStream<Uint8Array>): AsyncGenerator<string, void, undefined> {
  yield await new Response(body).text();
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
