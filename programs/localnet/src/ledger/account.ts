import type { Address } from '@solana/kit';

/** One account as the runtime holds it. An account without lamports does not exist. */
export type Account = {
  readonly lamports: bigint;
  readonly data: Uint8Array;
  readonly owner: Address;
  readonly executable: boolean;
};

/** What a transaction left of one account; undefined if it does not exist afterwards. */
export type AccountChange = { readonly address: Address; readonly account: Account | undefined };

export function sameAccount(a: Account | undefined, b: Account | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return (
    a.lamports === b.lamports &&
    a.owner === b.owner &&
    a.executable === b.executable &&
    a.data.length === b.data.length &&
    Buffer.compare(a.data, b.data) === 0
  );
}
