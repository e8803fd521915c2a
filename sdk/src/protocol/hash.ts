import { sha256 as incremental } from '@noble/hashes/sha2.js';
import { sha256 } from '#sha256';
import { concatBytes } from './bytes.ts';
import { type Codec, fixedBytes, withEncoded } from './codec.ts';

/** 32 bytes of SHA-256 (FIPS 180-4). */
export type Hash = Uint8Array & { readonly brand?: 'Hash' };

/** Where short parts are put together, so that a hash costs no buffer of its own. */
const joined = new Uint8Array(1024);

/** SHA-256 over the concatenation of `parts`. */
export function hash(...parts: readonly Uint8Array[]): Hash {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return sha256(only);
  let length = 0;
  for (const part of parts) length += part.length;
  if (length > joined.length) return sha256(concatBytes(...parts));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return sha256(joined.subarray(0, length));
}

/** SHA-256 of bytes that come piece by piece. */
export function hasher(): { update(bytes: Uint8Array): unknown; digest(): Hash } {
  return incremental.create();
}

export const hashCodec: Codec<Hash> = fixedBytes<Hash>(32);

export const ZERO_HASH: Hash = new Uint8Array(32);

/** SHA-256 of a value's canonical bytes. */
export function hashOf<T>(codec: Codec<T>, value: T): Hash {
  return withEncoded(codec, value, sha256);
}
