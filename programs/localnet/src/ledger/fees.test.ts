import { expect, test } from 'vitest';
import { feeOf } from './fees.ts';
import { computeBudgetProgram, ed25519Program, secp256r1Program, systemProgram, voteProgram } from './wellKnown.ts';
import type { WireInstruction, WireMessage } from './wireTransaction.ts';

const keys = [systemProgram, computeBudgetProgram, ed25519Program, secp256r1Program, voteProgram] as const;
const other = 'MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr' as (typeof keys)[number];

function fee(signatures: number, ...instructions: readonly (readonly [(typeof keys)[number], ...number[]])[]): bigint {
  const message: WireMessage = {
    bytes: new Uint8Array(),
    version: 'legacy',
    header: { numRequiredSignatures: signatures, numReadonlySignedAccounts: 0, numReadonlyUnsignedAccounts: 0 },
    accountKeys: [...keys, other],
    recentBlockhash: systemProgram,
    lookups: [],
    instructions: instructions.map(
      ([program, ...data]): WireInstruction => ({
        programIdIndex: [...keys, other].indexOf(program),
        accounts: [],
        data: Uint8Array.from(data),
      }),
    ),
  };
  return feeOf(message);
}

const priceOf = (microLamports: number) =>
  [computeBudgetProgram, 3, microLamports % 256, microLamports >> 8, 0, 0, 0, 0, 0, 0] as const;

test('a signature costs 5,000 lamports, one that a precompile verifies too', () => {
  expect(fee(1, [systemProgram, 2])).toBe(5_000n);
  expect(fee(3, [systemProgram, 2])).toBe(15_000n);
  expect(fee(1, [ed25519Program, 2], [secp256r1Program, 1])).toBe(20_000n);
});

test('a price is paid for the limit of units, rounded up', () => {
  expect(fee(1, priceOf(1_000), [computeBudgetProgram, 2, 0xe8, 3, 0, 0])).toBe(5_001n);
  expect(fee(1, priceOf(1), [computeBudgetProgram, 2, 0xe8, 3, 0, 0])).toBe(5_001n);
  // Without a limit a builtin program counts 3,000 units and another 200,000, at most 1,400,000 together.
  expect(fee(1, priceOf(1_000), [systemProgram, 2])).toBe(5_006n);
  expect(fee(1, priceOf(1_000), [other])).toBe(5_203n);
  expect(fee(1, priceOf(1_000), ...Array.from({ length: 9 }, () => [other] as const))).toBe(6_400n);
});
