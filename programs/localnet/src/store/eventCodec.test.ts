import { expect, test } from 'vitest';
import { addressOf, toBase58 } from '../base58.ts';
import type { LedgerEvent } from '../ledger/event.ts';
import { loaderV3, systemProgram } from '../ledger/wellKnown.ts';
import { decodeEvents, encodeEvents } from './eventCodec.ts';

const block = {
  slot: 3,
  unixTimestamp: 4,
  hash: new Uint8Array(32).fill(5),
  blockhash: toBase58(new Uint8Array(32).fill(6)),
};
const address = addressOf(new Uint8Array(32).fill(7));
const events: readonly LedgerEvent[] = [
  { kind: 'slot', slot: 4, unixTimestamp: 5, parent: block },
  {
    kind: 'transaction',
    record: {
      signature: toBase58(new Uint8Array(64).fill(8)),
      slot: 4,
      blockTime: 5,
      bytes: Uint8Array.from([1, 2, 3]),
      err: { InstructionError: [0, { Custom: 1 }] },
      logs: ['Program log: größer'],
      unitsConsumed: 150,
      fee: 5_000n,
      preBalances: [2n ** 64n - 1n, 0n],
      postBalances: [1n, 2n],
      preTokenBalances: [],
      postTokenBalances: [{ accountIndex: 1, mint: address, owner: address, amount: 2n ** 64n - 1n, decimals: 9 }],
      innerInstructions: [[], [{ programIdIndex: 1, accounts: [2, 3], data: Uint8Array.from([4]), stackHeight: 2 }]],
      returnData: { programId: address, data: Uint8Array.from([9]) },
      loadedWritable: [address],
      loadedReadonly: [],
    },
    changes: [
      { address, account: undefined },
      { address, account: { lamports: 1n, data: Uint8Array.from([1]), owner: systemProgram, executable: false } },
    ],
  },
  {
    kind: 'account',
    change: { address, account: { lamports: 1n, data: new Uint8Array(), owner: loaderV3, executable: true } },
  },
  {
    kind: 'checkpoint',
    checkpoint: { slot: 4, unixTimestamp: 5, epochStartTimestamp: 6, transactionCount: 7, blocks: [block] },
  },
];

test('every event comes back as it was', () => {
  expect(decodeEvents(encodeEvents(events))).toEqual(events);
});

test('a record that is cut or of another version is refused', () => {
  for (const event of events) {
    const bytes = encodeEvents([event]);
    for (let length = 1; length < bytes.length; length += 1) {
      expect(() => decodeEvents(bytes.subarray(0, length))).toThrow('A record of the ledger has an unknown form');
    }
  }
  expect(() => decodeEvents(Uint8Array.from([5]))).toThrow('A record of the ledger has an unknown form');
});
