import { STANDING_AUTHORISATION } from '@karmesh/sdk/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openEscrowLedger } from './escrowLedger.ts';
import { question, type TestMarket, testMarket } from './fixtures/testMarket.ts';

let market: TestMarket;

beforeAll(async () => {
  market = await testMarket({ workers: 3 });
}, 240_000);
afterAll(async () => {
  await market[Symbol.asyncDispose]();
});

test('what was priced and not yet debited is not offered again, across restarts too', async () => {
  const { db } = market.database;
  {
    await using scheduler = await market.open();
    await market.collect(scheduler, question('quorum'));
  }
  const price = market.entries[0]?.outcome.value.price ?? 0n;
  const state = { balance: 10n * price, authorised: STANDING_AUTHORISATION, cumulativeDebit: 0n };
  let finalised: bigint | undefined;
  const ledger = await openEscrowLedger({
    db,
    escrow: market.escrow,
    chain: { escrow: () => state, lastFinalisedEpoch: () => finalised },
  });
  const short = (lamports: bigint) =>
    expect(() => ledger.reserve(lamports)).toThrowError(expect.objectContaining({ code: 'ESCROW_SHORT' }));
  short(9n * price + 1n);
  const held = ledger.reserve(9n * price);
  short(1n);
  held[Symbol.dispose]();
  held[Symbol.dispose]();

  ledger.spend({ epoch: 0n, price: 2n * price });
  short(7n * price + 1n);
  // The chain debits what settled: the balance shrinks and the counter grows by the same.
  state.balance -= 3n * price;
  state.cumulativeDebit += 3n * price;
  ledger.reserve(7n * price)[Symbol.dispose]();
  // What was never settled, such as an entry that an audit failed, is free again once no set can take it.
  state.balance = 10n * price;
  state.cumulativeDebit = price;
  short(9n * price);
  finalised = 2n;
  ledger.reserve(10n * price)[Symbol.dispose]();
  // M-02: no more than the buyer authorised beyond what was debited.
  state.authorised = 5n * price;
  short(4n * price + 1n);
  ledger.reserve(4n * price)[Symbol.dispose]();
});

test('without an escrow account nothing is reserved', async () => {
  const ledger = await openEscrowLedger({
    db: market.database.db,
    escrow: market.escrow,
    chain: { escrow: () => undefined, lastFinalisedEpoch: () => undefined },
  });
  expect(() => ledger.reserve(1n)).toThrowError('There is no escrow account that could pay for requests.');
});
