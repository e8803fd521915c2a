import { expect, test } from 'vitest';
import type { MeshChange, PeerRole } from './meshFacts.ts';
import { newsOf } from './newsOf.ts';

const change = (role: PeerRole, isConnected: boolean): MeshChange => ({
  number: 1,
  atMs: 0,
  identity: 'identity1identity2identity3identity4',
  participant: role === null ? null : 'address1address2address3address4',
  role,
  isConnected,
  lost: isConnected ? null : { cause: 'closed', reason: 'The connection was closed.' },
});

test.each([
  [[change('worker', false)], 'Worker addres…dress4 was lost: The connection was closed.'],
  [
    [change(null, true), change('validator', true)],
    'Unknown peer identi…ntity4 is connected. Validator addres…dress4 is connected.',
  ],
  [
    [change('worker', false), change('worker', false), change('validator', false), change('worker', true)],
    'Lost: 2 workers and 1 validator. Connected: 1 worker.',
  ],
  [[], ''],
])('many changes are one sentence', (changes, sentence) => {
  expect(newsOf(changes)).toBe(sentence);
});
