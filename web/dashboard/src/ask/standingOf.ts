import type { Asked } from './useQuestion.ts';

export type Standing = { readonly sentence: string; readonly isBad: boolean };

/** Where an answer stands, in a sentence that changes with each step, for eyes and screen readers alike. */
export function standingOf({ evidence, state, workers }: Pick<Asked, 'evidence' | 'state' | 'workers'>): Standing {
  const good = (sentence: string): Standing => ({ sentence, isBad: false });
  const bad = (sentence: string): Standing => ({ sentence, isBad: true });
  if (evidence !== undefined) return ended(evidence, { good, bad });
  if (state === 'stopped') return good('Stopped. Workers that had sealed are paid for what they did.');
  if (state === 'failed') return bad('The answer broke off.');
  const count = (...steps: readonly string[]): number => workers.filter(({ step }) => steps.includes(step)).length;
  const revealed = count('revealed');
  const sealed = count('sealed', 'revealed');
  if (revealed > 0) return good(`${revealed} of ${workers.length} workers have revealed their answers.`);
  if (sealed > 0) return good(`${sealed} of ${workers.length} workers have sealed their answers.`);
  return good(workers.length === 0 ? 'Drawing the workers …' : `${workers.length} workers are asked.`);
}

function ended(
  { quorum, receipts }: NonNullable<Asked['evidence']>,
  say: { readonly good: (sentence: string) => Standing; readonly bad: (sentence: string) => Standing },
): Standing {
  const { agreeing, asked, verdict } = quorum;
  if (verdict !== 'agreed')
    return say.bad('No two workers agree: this text is one worker’s word, and you pay nothing.');
  // Text that came at once may be a dissenter's; what was shown cannot be taken back.
  if (!receipts.some(({ outcome, shown }) => shown && outcome === 'agreed')) {
    return say.bad(
      `Do not trust this text: ${agreeing} of ${asked} workers agree on another answer. Ask for it once agreed to read theirs.`,
    );
  }
  const dissenters = receipts.flatMap(({ outcome }, i) => (outcome === 'dissented' ? [`worker ${i + 1}`] : []));
  if (dissenters.length === 0) return say.good(`${agreeing} of ${asked} workers agree on this answer.`);
  return say.good(
    `${agreeing} of ${asked} workers agree on this answer; ${dissenters.join(' and ')} gave another, which counts for nothing.`,
  );
}
