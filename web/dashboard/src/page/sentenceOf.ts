import { z } from 'zod';

/** What went wrong, as a person may read it: the sentence of a `KarmeshError` and its facts. */
export function sentenceOf(cause: unknown): string {
  if (cause instanceof z.ZodError) return 'The answer is in another form than this page knows.';
  if (!(cause instanceof Error)) return 'Something failed without saying why.';
  const facts = 'facts' in cause && typeof cause.facts === 'object' && cause.facts !== null ? cause.facts : {};
  const shown = Object.entries(facts).filter(([, value]) => value !== undefined);
  return shown.length === 0
    ? cause.message
    : `${cause.message} (${shown.map(([name, value]) => `${name}: ${String(value)}`).join(', ')})`;
}
