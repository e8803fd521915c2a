/** What circuits can refuse. This package imports nothing of Karmesh: its callers say what it means to a market. */
export type CircuitsErrorCode =
  | 'BAD_INPUT'
  | 'COMPILE_FAILED'
  | 'FILE_INVALID'
  | 'KEY_INVALID'
  | 'KERNEL_FAILED'
  | 'NO_WITNESS'
  | 'STATEMENT_FALSE';

/** A sentence, and the facts that carry its numbers. */
export class CircuitsError extends Error {
  readonly code: CircuitsErrorCode;
  readonly facts: Readonly<Record<string, string | number | boolean>>;

  constructor(
    code: CircuitsErrorCode,
    sentence: string,
    facts: Readonly<Record<string, string | number | boolean>> = {},
    cause?: unknown,
  ) {
    super(sentence, cause === undefined ? undefined : { cause });
    this.name = 'CircuitsError';
    this.code = code;
    this.facts = facts;
  }
}
