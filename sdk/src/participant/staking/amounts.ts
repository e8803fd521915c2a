import { KarmeshError } from '../../errors.ts';
import type { ASSET } from '../../program/index.ts';

const LAMPORTS_PER_SOL = 1_000_000_000n;
const SOL_DIGITS = 9;

/** What a stake is counted in. */
export type Asset = keyof typeof ASSET;

/**
 * An amount as a person types it: lamports, or SOL with that word behind it (`1.5sol`); of the token base units.
 *
 * @throws KarmeshError `CONFIG_INVALID` for anything else, and for zero.
 */
export function parseAmount(text: string, asset: Asset): bigint {
  const [, whole, sol, fraction = ''] = /^(?:(\d+)|(\d+)(?:\.(\d{1,9}))?sol)$/i.exec(text.trim()) ?? [];
  const isSol = sol !== undefined;
  const amount = isSol
    ? BigInt(sol) * LAMPORTS_PER_SOL + BigInt(fraction.padEnd(SOL_DIGITS, '0'))
    : whole === undefined
      ? 0n
      : BigInt(whole);
  if (amount > 0n && amount < 1n << 64n && !(isSol && asset === 'tokens')) return amount;
  throw new KarmeshError('CONFIG_INVALID', 'The amount is not understood.', {
    amount: text,
    known: asset === 'tokens' ? 'base units of the token, such as 1000' : 'lamports, such as 1500000000, or 1.5sol',
  });
}

/** `1.5 SOL (1500000000 lamports)`, or base units of the token. */
export function amountText(amount: bigint, asset: Asset = 'lamports'): string {
  if (asset === 'tokens') return `${amount} base units of the token`;
  const fraction = (amount % LAMPORTS_PER_SOL).toString().padStart(SOL_DIGITS, '0').replace(/0+$/, '');
  return `${amount / LAMPORTS_PER_SOL}${fraction === '' ? '' : `.${fraction}`} SOL (${amount} lamports)`;
}
