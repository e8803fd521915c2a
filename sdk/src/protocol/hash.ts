import { sha256 as incremental } from '@noble/hashes/sha2.js';
import { sha256 } from '#sha256';
import { concatBytes } from './bytes.ts';
import { type Codec, encode, fixedBytes } from './codec.ts';

/** 32 bytes of SHA-256 (FIPS 180-4). */
export type Hash = Uint8Array & { readonly brand?: 'Hash' };

/** SHA-256 over the concatenation of `parts`. */
export function hash(...parts: readonly Uint8Array[]): Hash {
  return sha256(parts.length === 1 && parts[0] !== undefined ? parts[0] : concatBytes(...parts));
}

/** SHA-256 of bytes that come piece by piece. */
export function hasher(): { update(bytes: Uint8Array): unknown; digest(): Hash } {
  return incremental.create();
}

export const hashCodec: Codec<Hash> = fixedBytes<Hash>(32);

export const ZERO_HASH: Hash = new Uint8Array(32);

/** SHA-256 of a value's canonical bytes. */
export function hashOf<T>(codec: Codec<T>, value: T): Hash {
  return hash(encode(codec, value));
}
