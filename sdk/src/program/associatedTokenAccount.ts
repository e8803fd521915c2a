import { type Address, ASSOCIATED_TOKEN_PROGRAM, TOKEN_PROGRAM } from './address.ts';
import { findProgramAddress } from './findProgramAddress.ts';

/** Where a wallet keeps an owner's tokens of a mint unless told otherwise. */
export function associatedTokenAccount(owner: Address, mint: Address): Address {
  return findProgramAddress([owner, TOKEN_PROGRAM, mint], ASSOCIATED_TOKEN_PROGRAM);
}
