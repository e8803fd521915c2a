import type { AnswerForm } from './answerForm.ts';
import type { ResponseFormat } from './chatSchema.ts';
import { jsonFits } from './jsonFits.ts';
import { isDeeper, MAX_DEPTH } from './parseJson.ts';

const FENCE = '```';
/** The word behind an opening fence, such as `json`, is no longer. */
const MAX_FENCE_LINE = 32;

/** What the model is told of the form that its answer has to have; undefined for plain text. */
export function jsonInstruction(format: ResponseFormat | undefined): string | undefined {
  if (format === undefined || format.type === 'text') return undefined;
  const alone = 'Answer with one JSON object and nothing else: no sentence before or after it, no code fence.';
  if (format.type === 'json_object') return alone;
  const { name, description, schema } = format.json_schema;
  const told = description == null ? '' : ` (${description})`;
  const rule = schema == null ? '' : ` It must fit this JSON Schema:\n${JSON.stringify(schema)}`;
  return `Answer with one JSON value, ${name}${told}, and nothing else: no sentence before or after it, no code fence.${rule}`;
}

/** Takes a code fence off that stands around the whole answer, as it comes, and says at the end whether what is left has the form. */
export const jsonForm = (format: Exclude<ResponseFormat, { type: 'text' }>) => (): AnswerForm => {
  let phase: 'start' | 'fenced' | 'plain' = 'start';
  let held = '';
  let shown = '';

  const release = (count: number): string => {
    const text = held.slice(0, count);
    held = held.slice(count);
    shown += text;
    return text;
  };

  const begin = (): void => {
    const text = held.trimStart();
    if (text.length < FENCE.length && FENCE.startsWith(text)) return;
    const line = text.indexOf('\n');
    if (!text.startsWith(FENCE)) phase = 'plain';
    else if (line >= 0) {
      phase = 'fenced';
      held = text.slice(line + 1);
    } else if (text.length > MAX_FENCE_LINE) phase = 'plain';
  };

  return {
    push(text) {
      held += text;
      if (phase === 'start') begin();
      if (phase === 'start') return '';
      return release(phase === 'plain' ? held.length : beforeFence(held));
    },
    end() {
      if (phase === 'fenced' && held.trim() === FENCE) held = '';
      const text = release(held.length);
      return { text, toolCalls: [], format: hasForm(shown, format) ? 'met' : 'unmet' };
    },
  };
};

/** Where the end of `text` begins that may turn out to be the closing fence. */
function beforeFence(text: string): number {
  let at = text.trimEnd().length;
  for (let ticks = 0; ticks < FENCE.length && text[at - 1] === '`'; ticks++) at -= 1;
  return text.slice(0, at).trimEnd().length;
}

function hasForm(text: string, format: Exclude<ResponseFormat, { type: 'text' }>): boolean {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return false;
  }
  if (isDeeper(value, MAX_DEPTH)) return false;
  if (format.type === 'json_object') return typeof value === 'object' && value !== null && !Array.isArray(value);
  return jsonFits(value, format.json_schema.schema ?? {});
}
