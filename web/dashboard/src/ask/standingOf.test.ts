import { expect, test } from 'vitest';
import { standingOf } from './standingOf.ts';
import type { Asked } from './useQuestion.ts';

type Evidence = NonNullable<Asked['evidence']>;
const evidence = (verdict: string, receipts: readonly (readonly [outcome: string, shown: boolean])[]): Evidence => ({
  requestId: '',
  assurance: 'stream',
  epoch: '0',
  dispatchNumber: '0',
  priceLamports: '0',
  lane: 'bronze',
  bundle: '',
  quorum: { verdict, agreeing: receipts.filter(([outcome]) => outcome === 'agreed').length, asked: receipts.length },
  receipts: receipts.map(([outcome, shown], i) => ({ worker: `${i}`, outcome, receiptHash: null, shown })),
});
const agreed = ['agreed', true] as const;

test.each([
  [evidence('agreed', [agreed, agreed, agreed]), false, '3 of 3 workers agree on this answer.'],
  [
    evidence('agreed', [agreed, ['dissented', false], agreed]),
    false,
    '2 of 3 workers agree on this answer; worker 2 gave another, which counts for nothing.',
  ],
  [
    evidence('agreed', [
      ['dissented', true],
      ['agreed', false],
      ['agreed', false],
    ]),
    true,
    'Do not trust this text: 2 of 3 workers agree on another answer. Ask for it once agreed to read theirs.',
  ],
  [
    evidence('none', [['dissented', true]]),
    true,
    'No two workers agree: this text is one worker’s word, and you pay nothing.',
  ],
])('says how an answer ended', (ended, isBad, sentence) => {
  expect(standingOf({ evidence: ended, state: 'done', workers: [] })).toEqual({ sentence, isBad });
});

test.each([
  ['running', [], 'Drawing the workers …'],
  ['running', ['asked', 'accepted'], '2 workers are asked.'],
  ['running', ['sealed', 'accepted'], '1 of 2 workers have sealed their answers.'],
  ['running', ['sealed', 'revealed'], '1 of 2 workers have revealed their answers.'],
  ['stopped', ['asked'], 'Stopped. Workers that had sealed are paid for what they did.'],
  ['failed', ['asked'], 'The answer broke off.'],
] as const)('says how far an answer is: %s %s', (state, steps, sentence) => {
  const workers = steps.map((step, i) => ({ worker: `${i}`, step }));
  expect(standingOf({ evidence: undefined, state, workers }).sentence).toBe(sentence);
});
