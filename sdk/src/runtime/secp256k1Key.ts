import { secp256k1 } from '@noble/curves/secp256k1.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { KarmeshError } from '../errors.ts';
import { fromHex, toHex } from '../protocol/bytes.ts';
import { createSecretFile, readSecretFile } from './secretFile.ts';

/** A signature of a digest: r and s of 32 bytes each, s in the lower half, and which of two keys it recovers to. */
export interface Secp256k1Signature {
  readonly r: Uint8Array;
  readonly s: Uint8Array;
  readonly recoveryId: 0 | 1;
}

/** A key of EVM chains. Its secret comes by a method, so that no log or JSON shows it. */
export interface Secp256k1Key {
  /** 20 bytes: what P-04 registers. */
  readonly address: Uint8Array;
  /** Signs 32 bytes, as they are. */
  sign(digest: Uint8Array): Secp256k1Signature;
  secretKey(): Uint8Array;
}

/** The key that 32 secret bytes are. Throws `KEYPAIR_INVALID` for bytes that are none. */
export function secp256k1KeyFromSecret(secret: Uint8Array, facts: { readonly path?: string } = {}): Secp256k1Key {
  if (!secp256k1.utils.isValidSecretKey(secret))
    throw new KarmeshError('KEYPAIR_INVALID', 'These bytes are no secp256k1 key.', { ...facts, bytes: secret.length });
  const own = secret.slice();
  return {
    address: addressOf(secp256k1.getPublicKey(own, false)),
    sign(digest) {
      const signed = secp256k1.sign(digest, own, { prehash: false, format: 'recovered' });
      return { r: signed.slice(1, 33), s: signed.slice(33), recoveryId: signed[0] === 1 ? 1 : 0 };
    },
    secretKey: () => own.slice(),
  };
}

/**
 * Reads a key file of EVM tools: `0x` and 64 hexadecimal digits, readable by its owner alone.
 *
 * @throws KarmeshError `KEYPAIR_MODE` when group or others may read it, `KEYPAIR_INVALID` for another shape or no such file.
 */
export async function loadSecp256k1Key(path: string): Promise<Secp256k1Key> {
  const [, digits] = /^0x([0-9a-f]{64})\s*$/i.exec(await readSecretFile(path)) ?? [];
  if (digits === undefined)
    throw new KarmeshError('KEYPAIR_INVALID', 'The key file is not 0x and 64 hexadecimal digits.', { path });
  return secp256k1KeyFromSecret(fromHex(digits.toLowerCase()), { path });
}

/**
 * Makes a key and its file with mode 0600. An existing file is never overwritten.
 *
 * @throws KarmeshError `KEYPAIR_INVALID` when the file exists, `DISK_FULL` or `STORE_FAILED`.
 */
export async function createSecp256k1KeyFile(path: string): Promise<Secp256k1Key> {
  const key = secp256k1KeyFromSecret(secp256k1.utils.randomSecretKey());
  await createSecretFile(path, `0x${toHex(key.secretKey())}\n`);
  return key;
}

/** The last 20 bytes of the Keccak hash of an uncompressed public key. */
function addressOf(publicKey: Uint8Array): Uint8Array {
  return keccak_256(publicKey.subarray(1)).slice(12);
}
