const MICRO = 1_000_000n;
const LAMPORTS = 1_000_000_000n;

/** Micro-karma as karma, exact: `12345678` is `12.345678`. */
export function karmaOf(micro: bigint): string {
  return decimal(micro, MICRO);
}

/** Lamports as SOL, exact. */
export function solOf(lamports: bigint): string {
  return decimal(lamports, LAMPORTS);
}

/** The same of an amount that may be below zero, as a debt is. */
export function signedSolOf(lamports: bigint): string {
  return lamports < 0n ? `−${solOf(-lamports)}` : solOf(lamports);
}

function decimal(value: bigint, unit: bigint): string {
  const digits = unit.toString().length - 1;
  const fraction = (value % unit).toString().padStart(digits, '0').replace(/0+$/, '');
  const whole = (value / unit).toString().replace(/\B(?=(\d{3})+$)/g, ' ');
  return fraction === '' ? whole : `${whole}.${fraction}`;
}
