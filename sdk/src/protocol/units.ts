/** P-29: the index of a stake that was never slashed, 2^60. */
export const WHOLE = 1n << 60n;

/** P-29: what units are worth, in lamports or base units of the token: `floor(units x index / 2^60)`. */
export function unitsWorth(units: bigint, slashIndex: bigint): bigint {
  return (units * slashIndex) >> 60n;
}

/** Lamports that a participant's owner has behind it (P-29). */
export function ownBond(account: { readonly ownUnits: bigint; readonly slashIndex: bigint }): bigint {
  return unitsWorth(account.ownUnits, account.slashIndex);
}

/** P-29: the fewest units that are worth so much or more: `ceil(worth x 2^60 / index)`. */
export function unitsCovering(worth: bigint, slashIndex: bigint): bigint {
  return slashIndex === 0n ? 0n : ((worth << 60n) + slashIndex - 1n) / slashIndex;
}
