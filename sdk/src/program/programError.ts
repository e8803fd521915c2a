import { KarmeshError } from '../errors.ts';
import { idl } from './idl.ts';

/** An error of the program by its number (docs/protocol.md, Errors). */
export interface NumberedError {
  readonly number: number;
  readonly name: string;
  readonly sentence: string;
}

/** The program's error with this number, or undefined if the number is another program's. */
export function numberedError(number: number): NumberedError | undefined {
  const error = idl.errors?.find(({ code }) => code === number);
  return error === undefined ? undefined : { number, name: error.name, sentence: error.msg ?? error.name };
}

/** What a node says of a failed transaction: `{ InstructionError: [index, { Custom: number }] }` among others. */
export type TransactionFault = unknown;

function customNumber(fault: TransactionFault): { readonly instruction: number; readonly number: number } | undefined {
  if (typeof fault !== 'object' || fault === null || !('InstructionError' in fault)) return undefined;
  const pair = fault.InstructionError;
  if (!Array.isArray(pair)) return undefined;
  const [instruction, reason]: unknown[] = pair;
  if (typeof instruction !== 'number' || typeof reason !== 'object' || reason === null || !('Custom' in reason)) {
    return undefined;
  }
  return typeof reason.Custom === 'number' ? { instruction, number: reason.Custom } : undefined;
}

/** `PROGRAM_ERROR` with the numbered name if the program refused the transaction, else `TRANSACTION_FAILED`. */
export function transactionError(
  fault: TransactionFault,
  context: { readonly signature: string | undefined; readonly logs?: readonly string[]; readonly cause?: unknown },
): KarmeshError {
  const custom = customNumber(fault);
  const known = custom === undefined ? undefined : numberedError(custom.number);
  if (custom !== undefined && known !== undefined) {
    return new KarmeshError(
      'PROGRAM_ERROR',
      `The karma program refused the transaction: ${known.sentence}`,
      { name: known.name, number: known.number, instruction: custom.instruction, signature: context.signature },
      context.cause,
    );
  }
  return new KarmeshError(
    'TRANSACTION_FAILED',
    'The cluster refused the transaction.',
    { fault: JSON.stringify(fault), signature: context.signature, lastLog: context.logs?.at(-1) },
    context.cause,
  );
}

/** The numbered name that a `PROGRAM_ERROR` carries, so that callers can treat "already done" as done. */
export function programErrorName(error: unknown): string | undefined {
  if (!(error instanceof KarmeshError) || error.code !== 'PROGRAM_ERROR') return undefined;
  return typeof error.facts.name === 'string' ? error.facts.name : undefined;
}
