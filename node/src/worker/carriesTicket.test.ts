import { expect, test } from 'vitest';
import { carriesTicket } from './carriesTicket.ts';
import type { SessionOutcome } from './inferSession.ts';

const outcomes: readonly (readonly [SessionOutcome, boolean])[] = [
  [{ kind: 'violation', rule: 'W-05' }, false],
  [{ kind: 'refused', rule: 'W-08', reason: 'bad-ticket' }, false],
  [{ kind: 'refused', rule: 'W-09', reason: 'bad-ticket' }, false],
  [{ kind: 'refused', rule: 'W-11', reason: 'not-drawn' }, false],
  [{ kind: 'refused', rule: 'W-13', reason: 'queue-full' }, true],
  [{ kind: 'refused', rule: 'W-18', reason: 'paused' }, true],
  [{ kind: 'cancelled' }, true],
  [{ kind: 'unused' }, true],
  [{ kind: 'failed', cause: 'too-slow', error: undefined }, true],
];

test.each(outcomes)('N-12: %j carries a ticket: %j', (outcome, expected) => {
  expect(carriesTicket(outcome)).toBe(expected);
});
