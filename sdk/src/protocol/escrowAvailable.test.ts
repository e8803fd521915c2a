import { expect, test } from 'vitest';
import { escrowAvailable, STANDING_AUTHORISATION } from './escrowAvailable.ts';

test.each([
  { name: 'all of it under a standing authorisation', authorised: STANDING_AUTHORISATION, available: 1000n },
  { name: 'what the voucher leaves', authorised: 370n, available: 300n },
  { name: 'no more than it holds', authorised: 1071n, available: 1000n },
  { name: 'nothing where the voucher is used up', authorised: 70n, available: 0n },
  { name: 'nothing where more was debited than the voucher says', authorised: 69n, available: 0n },
  { name: 'nothing without a voucher', authorised: 0n, available: 0n },
])('M-02, M-07: an escrow of 1,000 lamports, debited 70, can pay $name', ({ authorised, available }) => {
  expect(escrowAvailable({ balance: 1000n, authorised, cumulativeDebit: 70n })).toBe(available);
});

test('M-02: a settlement lowers what is available by what it debits, whichever bound holds', () => {
  const before = [2000n, 400n].map((authorised) =>
    escrowAvailable({ balance: 1000n, authorised, cumulativeDebit: 70n }),
  );
  const after = [2000n, 400n].map((authorised) =>
    escrowAvailable({ balance: 900n, authorised, cumulativeDebit: 170n }),
  );
  expect(after).toEqual(before.map((available) => available - 100n));
});
