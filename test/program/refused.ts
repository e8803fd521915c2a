import { programErrorName } from '@karmesh/sdk/program';
import { expect } from 'vitest';

/** Asserts that a transaction fails with the numbered error of this name. */
export async function refused(transaction: Promise<unknown>, name: string): Promise<void> {
  const outcome = await transaction.then(
    () => 'it ran',
    (error: unknown) => programErrorName(error) ?? error,
  );
  expect(outcome).toBe(name);
}
