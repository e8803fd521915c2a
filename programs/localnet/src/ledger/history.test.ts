import { expect, test } from 'vitest';
import type { TransactionRecord } from './event.ts';
import { createFaucet } from './faucet.ts';
import { createHistory } from './history.ts';
import { systemProgram, voteProgram } from './wellKnown.ts';
import { parseTransaction } from './wireTransaction.ts';

const faucet = createFaucet(new Uint8Array(32).fill(2));

function recordAt(slot: number): TransactionRecord {
  const bytes = faucet.transfer({ to: voteProgram, lamports: 1n, blockhash: systemProgram });
  return {
    signature: parseTransaction(bytes).signature,
    slot,
    blockTime: 0,
    bytes,
    err: null,
    logs: [],
    unitsConsumed: 0,
    fee: 5_000n,
    preBalances: [],
    postBalances: [],
    preTokenBalances: [],
    postTokenBalances: [],
    innerInstructions: [],
    returnData: undefined,
    loadedWritable: [],
    loadedReadonly: [],
  };
}

test('forgets the oldest, a thousand at once, and finds the rest newest first', () => {
  const history = createHistory({ maxTransactions: 10 });
  const records = Array.from({ length: 1_010 }, (_, index) => recordAt(index));
  for (const record of records) history.add(record);
  const kept = records.slice(-151);
  // Slots 0 to 858 are older than any blockhash that is still valid in slot 1,009.
  expect([...history.all()].map(({ slot }) => slot)).toEqual(kept.map(({ slot }) => slot));
  expect(history.naming(voteProgram).map(({ slot }) => slot)).toEqual(kept.map(({ slot }) => slot).toReversed());
  expect(history.has(records[0]?.signature ?? '')).toBe(false);
  expect(history.get(records[1_009]?.signature ?? '')).toEqual(records[1_009]);
});
