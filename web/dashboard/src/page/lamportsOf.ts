/** What a person has typed as an amount of `decimals` digits behind the point, in its smallest units: `0.5` SOL is 500,000,000 lamports. Undefined for what is none. */
export function unitsOf(typed: string, decimals: number): bigint | undefined {
  const match = /^(\d{1,12})(?:\.(\d*))?$/.exec(typed.trim().replaceAll(' ', ''));
  if (match === null) return undefined;
  const [, whole = '', fraction = ''] = match;
  if (fraction.length > decimals) return undefined;
  return BigInt(whole + fraction.padEnd(decimals, '0'));
}

/** The same of SOL. */
export function lamportsOf(typed: string): bigint | undefined {
  return unitsOf(typed, 9);
}
