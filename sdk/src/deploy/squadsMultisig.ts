import { sha256 } from '@noble/hashes/sha2.js';
import bs58 from 'bs58';
import { KarmeshError } from '../errors.ts';
import { findProgramAddress } from '../program/findProgramAddress.ts';
import { type Address, toBase58 } from '../program/index.ts';
import { equalBytes } from '../protocol/index.ts';
import type { OwnedAccount } from './loaderAccounts.ts';

/** Squads v4 (https://github.com/Squads-Protocol/v4), the program that holds most multisigs of Solana. */
export const SQUADS_PROGRAM: Address = bs58.decode('SQDS4ep65T869zMMBKyuUq6aD6EgTu8psMjkvj52pCf');

/** What matters here of a multisig. */
export interface SquadsMultisig {
  /** How many members must agree. */
  readonly threshold: number;
  /** Seconds between their agreement and its effect, in which everybody can see what is coming. */
  readonly timeLockSeconds: number;
  /** Who may change members and time lock alone; undefined if nobody may. */
  readonly configAuthority: Address | undefined;
}

const HEAD_BYTES = 78;
const NOBODY = new Uint8Array(32);
const DISCRIMINATOR = sha256(new TextEncoder().encode('account:Multisig')).subarray(0, 8);

/** Reads the head of a multisig's account: discriminator, create key, config authority, threshold u16, time lock u32. Throws `CONFIG_INVALID` if it is none. */
export function decodeSquadsMultisig(account: OwnedAccount): SquadsMultisig {
  const { owner, data } = account;
  const isMultisig = data.length >= HEAD_BYTES && equalBytes(data.subarray(0, 8), DISCRIMINATOR);
  if (!equalBytes(owner, SQUADS_PROGRAM) || !isMultisig) {
    throw new KarmeshError('CONFIG_INVALID', 'The account that --multisig names is no multisig of Squads v4.', {
      owner: toBase58(owner),
      bytes: data.length,
    });
  }
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const configAuthority = data.slice(40, 72);
  return {
    configAuthority: equalBytes(configAuthority, NOBODY) ? undefined : configAuthority,
    threshold: view.getUint16(72, true),
    timeLockSeconds: view.getUint32(74, true),
  };
}

/** The multisig's vault number `index`, which signs for it and so is what an upgrade authority is set to. */
export function squadsVault(multisig: Address, index: number): Address {
  const text = new TextEncoder();
  return findProgramAddress(
    [text.encode('multisig'), multisig, text.encode('vault'), new Uint8Array([index])],
    SQUADS_PROGRAM,
  );
}
