import { PublicKey, Transaction, TransactionInstruction } from '@solana/web3.js';
import { expect, test } from 'vitest';
import { toBase58 } from './address.ts';
import { compileTransaction, type PlainInstruction } from './compileTransaction.ts';

const bytes = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
const blockhash = bytes(77);

/** The same by web3.js. */
function byWeb3(payer: Uint8Array, instructions: readonly PlainInstruction[]): Uint8Array {
  const transaction = new Transaction({
    feePayer: new PublicKey(payer),
    blockhash: toBase58(blockhash),
    lastValidBlockHeight: 1,
  });
  for (const { programId, accounts, data } of instructions) {
    transaction.add(
      new TransactionInstruction({
        programId: new PublicKey(programId),
        keys: accounts.map(({ address, ...flags }) => ({ pubkey: new PublicKey(address), ...flags })),
        data: Buffer.from(data),
      }),
    );
  }
  return new Uint8Array(transaction.serialize({ requireAllSignatures: false, verifySignatures: false }));
}

const account = (fill: number, isSigner: boolean, isWritable: boolean) => ({
  address: bytes(fill),
  isSigner,
  isWritable,
});

/** What web3.js sorts among its like by name, this leaves as it came: the accounts here are in that order. */
test.each([
  ['a transfer', [{ accounts: [account(1, true, true), account(2, false, true), account(3, false, false)] }]],
  ['further signers', [{ accounts: [account(1, true, true), account(2, true, false), account(4, false, true)] }]],
  ['two instructions', [{ accounts: [account(1, true, true)] }, { accounts: [account(3, false, true)] }]],
  ['data of 200 bytes', [{ accounts: [account(1, true, true)], data: new Uint8Array(200).fill(9) }]],
] as const)('compiles %s to the bytes of web3.js', (_, given) => {
  const instructions = given.map((each) => ({
    programId: bytes(250),
    data: new Uint8Array([2, 0, 0, 0]),
    ...each,
  }));
  expect(compileTransaction({ payer: bytes(1), blockhash, instructions })).toEqual(byWeb3(bytes(1), instructions));
});

test('an account that is named twice has the rights of both', () => {
  const instructions = [
    { programId: bytes(250), data: new Uint8Array(), accounts: [account(2, false, false), account(2, true, true)] },
  ];
  expect(compileTransaction({ payer: bytes(1), blockhash, instructions })).toEqual(byWeb3(bytes(1), instructions));
});

test('refuses what the cluster would not take', () => {
  const instructions = [{ programId: bytes(250), data: new Uint8Array(1_200), accounts: [] }];
  expect(() => compileTransaction({ payer: bytes(1), blockhash, instructions })).toThrowError(
    expect.objectContaining({ code: 'BAD_ARGUMENT', message: 'A transaction is longer than the cluster takes.' }),
  );
});
