import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';

/** SHA-256 (FIPS 180-4) where nothing faster is at hand, as in a page. `#sha256` in package.json names the one of the platform. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return nobleSha256(bytes);
}
