import type { Address } from '@solana/kit';
import { addressOf } from '../base58.ts';
import type { Account } from './account.ts';
import { tokenProgram } from './wellKnown.ts';

/** What a token account holds before or after a transaction. */
export type TokenBalance = {
  /** Place of the account among those that the transaction names. */
  readonly accountIndex: number;
  readonly mint: Address;
  readonly owner: Address;
  /** Base units. */
  readonly amount: bigint;
  readonly decimals: number;
};

// Layouts of the SPL Token program (https://github.com/solana-program/token/blob/main/interface/src/state.rs).
const TOKEN_ACCOUNT_BYTES = 165;
const AMOUNT_AT = 64;
const STATE_AT = 108;
const MINT_BYTES = 82;
const DECIMALS_AT = 44;

/** The balances of those accounts among `keys` that are initialised token accounts of a mint that exists. */
export function tokenBalances(
  keys: readonly Address[],
  find: (address: Address) => Account | undefined,
): readonly TokenBalance[] {
  return keys.flatMap((address, accountIndex) => {
    const account = find(address);
    if (account?.owner !== tokenProgram || account.data.length !== TOKEN_ACCOUNT_BYTES) return [];
    const { data } = account;
    if (data[STATE_AT] === 0) return [];
    const mint = addressOf(data.subarray(0, 32));
    const decimals = decimalsOf(find(mint));
    if (decimals === undefined) return [];
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    const owner = addressOf(data.subarray(32, 64));
    return [{ accountIndex, mint, owner, amount: view.getBigUint64(AMOUNT_AT, true), decimals }];
  });
}

function decimalsOf(mint: Account | undefined): number | undefined {
  return mint?.owner === tokenProgram && mint.data.length === MINT_BYTES ? mint.data[DECIMALS_AT] : undefined;
}
