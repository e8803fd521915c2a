import { type ErrorFacts, KarmeshError, type KarmeshErrorCode } from '@karmesh/sdk/errors';

/** An error as it goes from thread to thread, where classes are lost. */
export interface ErrorParts {
  readonly code: KarmeshErrorCode;
  readonly sentence: string;
  readonly facts: ErrorFacts;
  readonly cause: string | undefined;
}

export function errorToParts(error: unknown): ErrorParts {
  const told = error instanceof Error ? error.stack : String(error);
  if (error instanceof KarmeshError)
    return { code: error.code, sentence: error.message, facts: error.facts, cause: undefined };
  return { code: 'ENGINE_FAILED', sentence: 'The exact engine broke.', facts: {}, cause: told };
}

export function errorFromParts({ code, sentence, facts, cause }: ErrorParts): KarmeshError {
  return new KarmeshError(code, sentence, facts, cause === undefined ? undefined : new Error(cause));
}
