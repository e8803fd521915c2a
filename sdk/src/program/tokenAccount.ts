import type { Connection } from '@solana/web3.js';
import { readU64le } from '../protocol/bytes.ts';
import { readAccounts } from './accountReader.ts';
import type { Address } from './address.ts';

/** What the SPL Token program's account says (https://github.com/solana-program/token/blob/main/interface/src/state.rs). */
export interface TokenAccount {
  readonly address: Address;
  readonly mint: Address;
  readonly owner: Address;
  /** Base units. */
  readonly amount: bigint;
}

const TOKEN_ACCOUNT_BYTES = 165;

/** The token account at an address; undefined if there is none. Throws `RPC_UNREACHABLE`, `RPC_FAILED`, `ABORTED`. */
export async function readTokenAccount(
  connection: Connection,
  address: Address,
  options: { readonly signal: AbortSignal },
): Promise<TokenAccount | undefined> {
  const [account] = await readAccounts(connection, [address], options);
  if (account?.data.length !== TOKEN_ACCOUNT_BYTES) return undefined;
  const { data } = account;
  return { address, mint: data.slice(0, 32), owner: data.slice(32, 64), amount: readU64le(data.subarray(64)) };
}
