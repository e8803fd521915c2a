import { STANDING_AUTHORISATION } from '@karmesh/sdk/protocol';
import { describe, expect, test } from 'vitest';
import { named } from '../fixtures/market.ts';
import { type EscrowFacts, type EscrowRow, escrowRow, judgeEscrowRow } from './escrowRow.ts';

const escrow: EscrowFacts = {
  address: named('escrow'),
  gateway: named('gateway'),
  balance: 1000n,
  cumulativeDebit: 70n,
  authorised: STANDING_AUTHORISATION,
  withdrawAmount: 0n,
  withdrawAfterEpoch: undefined,
  lastSettledEpoch: undefined,
};

describe('M-02: what an escrow can pay for epoch 5', () => {
  test.each([
    { name: 'all of it', changes: {}, available: 1000n },
    {
      name: 'without a withdrawal that may be paid before',
      changes: { withdrawAmount: 300n, withdrawAfterEpoch: 4n },
      available: 700n,
    },
    {
      name: 'with one that waits for this epoch',
      changes: { withdrawAmount: 300n, withdrawAfterEpoch: 5n },
      available: 1000n,
    },
    { name: 'what the buyer authorised beyond the debit', changes: { authorised: 370n }, available: 300n },
    {
      name: 'the lesser of what is authorised and what a withdrawal leaves',
      changes: { authorised: 870n, withdrawAmount: 300n, withdrawAfterEpoch: 4n },
      available: 700n,
    },
    { name: 'nothing if no voucher is left', changes: { authorised: 69n }, available: 0n },
    {
      name: 'nothing if more is asked back',
      changes: { withdrawAmount: 2000n, withdrawAfterEpoch: 0n },
      available: 0n,
    },
  ])('$name', ({ changes, available }) => {
    expect(escrowRow({ ...escrow, ...changes }, 5n)).toEqual({
      escrow: named('escrow'),
      gateway: named('gateway'),
      available,
      cumulativeDebit: 70n,
    });
  });
});

describe('M-02: what an attester makes of a listed row', () => {
  const row = (available: bigint, cumulativeDebit = 70n): EscrowRow => ({
    escrow: named('escrow'),
    gateway: named('gateway'),
    available,
    cumulativeDebit,
  });
  test.each([
    { name: 'equal', listed: row(1000n), now: row(1000n), atEnd: row(1000n), judged: 'holds' },
    { name: 'not seen at the end', listed: row(1000n), now: row(1000n), atEnd: undefined, judged: 'holds' },
    { name: 'a deposit since the end', listed: row(1500n), now: row(1500n), atEnd: row(1000n), judged: 'holds' },
    { name: 'a settlement since', listed: row(1000n), now: row(600n, 470n), atEnd: row(1000n), judged: 'holds' },
    {
      name: 'a settlement between end and close',
      listed: row(600n, 470n),
      now: row(600n, 470n),
      atEnd: row(1000n),
      judged: 'holds',
    },
    { name: 'more than is seen', listed: row(1001n), now: row(1000n), atEnd: row(1000n), judged: 'unseen' },
    {
      name: 'a later debit than is seen',
      listed: row(900n, 170n),
      now: row(1000n),
      atEnd: row(1000n),
      judged: 'unseen',
    },
    { name: 'less than there was', listed: row(999n), now: row(1000n), atEnd: row(1000n), judged: 'short' },
  ])('$name: $judged', ({ listed, now, atEnd, judged }) => {
    expect(judgeEscrowRow({ listed, now, atEnd })).toBe(judged);
  });
});
