import { KarmeshError } from '@karmesh/sdk/errors';
import { parseAmount } from '@karmesh/sdk/participant/staking';
import { z } from 'zod';

/** The greatest number of the database. */
const MAX_LAMPORTS = 2n ** 63n - 1n;

/** A setting that is an amount: lamports, or SOL as in 1.5sol. `typedLamports` reads it. */
export const lamportsOption = (description: string) =>
  z.string().optional().meta({ description, placeholder: 'amount' });

/**
 * The amount that was typed, in lamports.
 *
 * @throws KarmeshError `CONFIG_INVALID`.
 */
export function typedLamports(text: string): bigint;
export function typedLamports(text: string | undefined): bigint | undefined;
export function typedLamports(text: string | undefined): bigint | undefined {
  if (text === undefined) return undefined;
  const lamports = parseAmount(text, 'lamports');
  if (lamports <= MAX_LAMPORTS) return lamports;
  throw new KarmeshError('CONFIG_INVALID', 'The amount is more than the ledger counts to.', {
    amount: text,
    most: MAX_LAMPORTS,
  });
}
