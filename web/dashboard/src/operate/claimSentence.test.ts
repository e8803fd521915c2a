import { expect, test } from 'vitest';
import { claimSentence } from './claimSentence.ts';

test.each([
  [undefined, 'All that final epochs owe was claimed.'],
  [
    { epoch: 12n, dueLamports: 500_000n },
    'Epoch 12 is final and owes 0.0005 SOL that were not claimed yet, those of the epochs before it among them.',
  ],
  [{ epoch: 0n, dueLamports: 0n }, 'Epoch 0 is final and gives karma that was not claimed yet; it owes no SOL.'],
])('says of %o what can be claimed', (due, sentence) => {
  expect(claimSentence(due)).toBe(sentence);
});
