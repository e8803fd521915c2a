import { expect, test } from 'vitest';
import { KarmeshError } from '../errors.ts';
import { numberedError, programErrorName, transactionError } from './programError.ts';

test("gives the program's error by name and number", () => {
  const error = transactionError({ InstructionError: [1, { Custom: 6033 }] }, { signature: 'abc' });
  expect([error.code, error.message, error.facts]).toEqual([
    'PROGRAM_ERROR',
    'The karma program refused the transaction: The account holds less than it must pay.',
    { name: 'EscrowShort', number: 6033, instruction: 1, signature: 'abc' },
  ]);
  expect(programErrorName(error)).toBe('EscrowShort');
});

test.each([
  ['a number of another program', { InstructionError: [0, { Custom: 1 }] }],
  ['an error of the runtime', { InstructionError: [0, 'InvalidAccountData'] }],
  ['a transaction that did not run', 'BlockhashNotFound'],
  ['a malformed fault', { InstructionError: 'what' }],
])('%s is a failed transaction', (_, fault) => {
  const error = transactionError(fault, { signature: 'abc', logs: ['first', 'last'] });
  expect([error.code, error.facts]).toEqual([
    'TRANSACTION_FAILED',
    { fault: JSON.stringify(fault), signature: 'abc', lastLog: 'last' },
  ]);
  expect(programErrorName(error)).toBeUndefined();
});

test('knows the first and the last number', () => {
  expect(numberedError(6000)?.name).toBe('AlreadyInitialised');
  expect(numberedError(6073)?.name).toBe('SlashCapped');
  expect(numberedError(6074)).toBeUndefined();
  expect(numberedError(5999)).toBeUndefined();
});

test('other errors carry no numbered name', () => {
  expect(programErrorName(new Error('x'))).toBeUndefined();
  expect(programErrorName(new KarmeshError('ABORTED', 'Stopped.', { name: 'NotVoted' }))).toBeUndefined();
});
