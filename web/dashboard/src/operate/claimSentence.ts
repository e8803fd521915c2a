import type { DueClaim } from '@karmesh/sdk/client';
import { solOf } from '../page/micro.ts';

/** What a person reads of what can be claimed. */
export function claimSentence(due: Pick<DueClaim, 'epoch' | 'dueLamports'> | undefined): string {
  if (due === undefined) return 'All that final epochs owe was claimed.';
  const { dueLamports, epoch } = due;
  return dueLamports > 0n
    ? `Epoch ${epoch} is final and owes ${solOf(dueLamports)} SOL that were not claimed yet, those of the epochs before it among them.`
    : `Epoch ${epoch} is final and gives karma that was not claimed yet; it owes no SOL.`;
}
