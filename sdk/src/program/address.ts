import bs58 from 'bs58';
import { KarmeshError } from '../errors.ts';

/** The 32 bytes of a Solana address. */
export type Address = Uint8Array;

/** Solana's notation of an address. */
export function toBase58(bytes: Uint8Array): string {
  return bs58.encode(bytes);
}

/** Parses Solana's notation. Throws `BAD_ARGUMENT` unless it stands for 32 bytes. */
export function addressFromBase58(text: string): Address {
  // 32 bytes never take more than 44 characters.
  const bytes = text.length <= 44 ? bs58.decodeUnsafe(text) : undefined;
  if (bytes?.length !== 32) {
    throw new KarmeshError('BAD_ARGUMENT', 'An address must be 32 bytes in base58.', { characters: text.length });
  }
  return bytes;
}

export const SYSTEM_PROGRAM: Address = new Uint8Array(32);
export const CLOCK_SYSVAR: Address = bs58.decode('SysvarC1ock11111111111111111111111111111111');
export const SLOT_HASHES_SYSVAR: Address = bs58.decode('SysvarS1otHashes111111111111111111111111111');
export const TOKEN_PROGRAM: Address = bs58.decode('TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA');
export const ASSOCIATED_TOKEN_PROGRAM: Address = bs58.decode('ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL');
