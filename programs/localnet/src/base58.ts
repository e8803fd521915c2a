import type { Address } from '@solana/kit';
import bs58 from 'bs58';

/** The base58 text of bytes, in Bitcoin's alphabet as Solana uses it. */
export function toBase58(bytes: Uint8Array): string {
  return bs58.encode(bytes);
}

/** The bytes of a base58 text of at most `maxChars` characters, or undefined. Decoding is quadratic, so the length is bounded first. */
export function fromBase58(text: string, maxChars: number): Uint8Array | undefined {
  if (text.length > maxChars) return undefined;
  return bs58.decodeUnsafe(text);
}

/** 32 bytes need 44 characters at most. */
const maxAddressChars = 44;

/** An account's address from its text, or undefined if the text is no 32 bytes. */
export function parseAddress(text: string): Address | undefined {
  return fromBase58(text, maxAddressChars)?.length === 32 ? (text as Address) : undefined;
}

/** The address that 32 bytes stand for. */
export function addressOf(bytes: Uint8Array): Address {
  return bs58.encode(bytes) as Address;
}

/** The 32 bytes of an address. */
export function addressBytes(address: Address): Uint8Array {
  return bs58.decode(address);
}
