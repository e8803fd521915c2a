import {
  addressFromBase58,
  associatedTokenAccount,
  SYSTEM_PROGRAM,
  TOKEN_PROGRAM,
  toBase58,
} from '@karmesh/sdk/client';
import { expect, test } from 'vitest';
import { depositInstruction } from './depositInstruction.ts';

const bytes = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
const [wallet, to, reference, mint] = [bytes(1), bytes(2), bytes(3), bytes(4)];
const offer = { address: toBase58(to), reference: toBase58(reference), lamportsPerBillion: 1n, expiresAtMs: 1 };
const paid = { from: toBase58(wallet), amount: 258n, decimals: 6 };
const named = { address: reference, isSigner: false, isWritable: false };

test('lamports go by the system program’s transfer, which names the reference', () => {
  expect(depositInstruction({ ...offer, asset: 'sol', mint: null }, paid)).toEqual({
    programId: SYSTEM_PROGRAM,
    accounts: [
      { address: wallet, isSigner: true, isWritable: true },
      { address: to, isSigner: false, isWritable: true },
      named,
    ],
    data: new Uint8Array([2, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0]),
  });
});

test('tokens go by TransferChecked from the wallet’s own account of the mint', () => {
  expect(depositInstruction({ ...offer, asset: 'token', mint: toBase58(mint) }, paid)).toEqual({
    programId: TOKEN_PROGRAM,
    accounts: [
      { address: associatedTokenAccount(addressFromBase58(paid.from), mint), isSigner: false, isWritable: true },
      { address: mint, isSigner: false, isWritable: false },
      { address: to, isSigner: false, isWritable: true },
      { address: wallet, isSigner: true, isWritable: false },
      named,
    ],
    data: new Uint8Array([12, 2, 1, 0, 0, 0, 0, 0, 0, 6]),
  });
});
