import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { ed25519 } from '@noble/curves/ed25519.js';
import type { VerifySignature } from '../protocol/signature.ts';

const spkiPrefix = Uint8Array.from([48, 42, 48, 5, 6, 3, 43, 101, 112, 3, 33, 0]);
const fieldOrder = 2n ** 255n - 19n;

/**
 * F-05 at OpenSSL's speed: every participant must come to one verdict on the same bytes. OpenSSL checks the equation without the
 * cofactor and compares R byte for byte, as F-05 does; left to refuse are points of small order and non-canonical keys, which
 * it lets pass.
 */
export const nativeVerifySignature: VerifySignature = ({ message, signature, identity }) => {
  if (signature.length !== 64 || smallOrderPoints.has(hex(signature.subarray(0, 32)))) return false;
  try {
    const key = publicKeyOf(identity);
    return key !== undefined && verify(null, message, key, signature);
  } catch {
    // OpenSSL throws for a key that is no point.
    return false;
  }
};

/** Making a key costs as much as a check with it, and the same few peers sign all that a process sees. */
const MAX_KEYS = 1024;
const keys = new Map<string, KeyObject>();

/** OpenSSL's key of an identity; undefined for what is no key, or a forbidden one. */
function publicKeyOf(identity: Uint8Array): KeyObject | undefined {
  if (identity.length !== 32) return undefined;
  const name = hex(identity);
  const known = keys.get(name);
  if (known !== undefined) return known;
  if (!isCanonical(identity) || smallOrderPoints.has(name)) return undefined;
  const spki = new Uint8Array(spkiPrefix.length + 32);
  spki.set(spkiPrefix);
  spki.set(identity, spkiPrefix.length);
  const key = createPublicKey({ key: Buffer.from(spki.buffer), format: 'der', type: 'spki' });
  // Whoever sends many identities costs the making of keys, never memory.
  if (keys.size >= MAX_KEYS) keys.clear();
  keys.set(name, key);
  return key;
}

/** RFC 8032, 5.1.3: the y coordinate, without its sign bit, must be below the field's order. */
function isCanonical(publicKey: Uint8Array): boolean {
  // Only 19 values are excluded, and all of them have 0xff in these bytes.
  if (((publicKey[31] ?? 0) & 0x7f) !== 0x7f || publicKey[30] !== 0xff) return true;
  const big = publicKey.toReversed();
  big[0] = (big[0] ?? 0) & 0x7f;
  return BigInt(`0x${hex(big)}`) < fieldOrder;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

/** The eight points whose order divides 8, in both signs where y alone would be taken for another key. */
const smallOrderPoints: ReadonlySet<string> = smallOrderEncodings();

function smallOrderEncodings(): ReadonlySet<string> {
  const found = new Set<string>();
  const add = (encoded: Uint8Array): void => {
    for (const sign of [0, 0x80]) {
      const bytes = encoded.slice();
      bytes[31] = ((bytes[31] ?? 0) & 0x7f) | sign;
      found.add(hex(bytes));
    }
  };
  // A point of order 8 (RFC 7748's curve, as listed in "Taming the many EdDSAs", table 6c); its multiples are the whole group.
  const generator = ed25519.Point.fromHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05');
  let point = ed25519.Point.ZERO;
  for (let multiple = 0; multiple < 8; multiple += 1) {
    add(point.toBytes());
    point = point.add(generator);
  }
  return found;
}
