import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { createFaucet } from './faucet.ts';
import { computeBudgetProgram, systemProgram, voteProgram } from './wellKnown.ts';
import { isWritable, parseMessage, parseTransaction, WireError } from './wireTransaction.ts';

const faucet = createFaucet(new Uint8Array(32).fill(1));
const legacy = faucet.transfer({ to: voteProgram, lamports: 258n, blockhash: systemProgram });
const signatureEnd = 65;

/** The same transfer as version 0, with one lookup table that gives the indices 4 and 5. */
function versioned(): Uint8Array {
  return Buffer.concat([
    legacy.subarray(0, signatureEnd),
    Buffer.from([0x80]),
    legacy.subarray(signatureEnd),
    Buffer.from([1]),
    Buffer.alloc(32, 9),
    Buffer.from([1, 4, 1, 5]),
  ]);
}

function errorOf(run: () => unknown): unknown {
  try {
    run();
    return undefined;
  } catch (cause) {
    return cause;
  }
}

describe('parseTransaction', () => {
  test('reads a legacy transaction', () => {
    const { message, signatures } = parseTransaction(legacy);
    expect(signatures).toEqual([new Uint8Array(legacy.subarray(1, signatureEnd))]);
    expect({ ...message, bytes: undefined, instructions: message.instructions.length }).toEqual({
      bytes: undefined,
      version: 'legacy',
      header: { numRequiredSignatures: 1, numReadonlySignedAccounts: 0, numReadonlyUnsignedAccounts: 2 },
      accountKeys: [faucet.address, voteProgram, systemProgram, computeBudgetProgram],
      recentBlockhash: systemProgram,
      instructions: 2,
      lookups: [],
    });
    expect(message.instructions[1]).toEqual({
      programIdIndex: 2,
      accounts: [0, 1],
      data: Uint8Array.from([2, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0]),
    });
    expect([0, 1, 2, 3].map((index) => isWritable(message, index))).toEqual([true, true, false, false]);
    expect(parseMessage(message.bytes)).toEqual(message);
  });

  test('reads a version 0 transaction with its lookups', () => {
    const { message } = parseTransaction(versioned());
    expect(message.version).toBe(0);
    expect(message.lookups).toEqual([{ table: expect.any(String), writable: [4], readonly: [5] }]);
  });

  test('refuses every cut and every longer one', () => {
    for (const whole of [legacy, versioned()]) {
      for (let length = 0; length < whole.length; length += 1) {
        expect(errorOf(() => parseTransaction(whole.subarray(0, length)))).toBeInstanceOf(WireError);
      }
      expect(errorOf(() => parseTransaction(Buffer.concat([whole, Buffer.from([0])])))).toBeInstanceOf(WireError);
    }
  });

  test('throws nothing but its own error on any bytes', () => {
    for (let seed = 0; seed < 2_000; seed += 1) {
      const noise = createHash('sha512').update(`${seed}`).digest();
      const bytes = Uint8Array.from(legacy);
      for (const at of [0, 1, 2]) bytes[noise.readUInt16LE(2 * at) % bytes.length] = noise[10 + at] ?? 0;
      const error = errorOf(() => parseTransaction(bytes));
      if (error !== undefined) expect(error).toBeInstanceOf(WireError);
      expect(errorOf(() => parseTransaction(noise))).toBeInstanceOf(WireError);
    }
  });

  test.each([
    ['a length in more bytes than it needs', [0, 0x81, 0x00], 'malformed'],
    ['a version that nobody knows', [signatureEnd, 0x81], 'malformed'],
    ['more signatures required than keys', [signatureEnd, 5], 'unsanitary'],
    ['a payer that is read-only', [signatureEnd + 1, 1], 'unsanitary'],
  ] as const)('refuses %s', (_, [at, ...values], kind) => {
    const bytes = Uint8Array.from(legacy);
    bytes.set(values, at);
    expect(errorOf(() => parseTransaction(bytes))).toMatchObject({ kind });
  });
});
