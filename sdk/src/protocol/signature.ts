import { ed25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import type { Signer } from '../signer.ts';
import { concatBytes, equalBytes, toHex } from './bytes.ts';
import { type Codec, fixedBytes, struct } from './codec.ts';
import type { Hash } from './hash.ts';
import type { Domain, HeaderCodec } from './header.ts';

/** 32 bytes: an Ed25519 public key that signs as a participant's identity. */
export type Identity = Uint8Array & { readonly brand?: 'Identity' };
/** 64 bytes: an Ed25519 signature (RFC 8032) over the 32-byte hash of a header. */
export type Signature = Uint8Array & { readonly brand?: 'Signature' };

export const identityCodec: Codec<Identity> = fixedBytes<Identity>(32);
export const signatureCodec: Codec<Signature> = fixedBytes<Signature>(64);

/** A header's fields and the signature over its hash. */
export interface Signed<T> {
  readonly value: T;
  readonly signature: Signature;
}

/** Verifies an Ed25519 signature. The default is noble's; a program on Node injects a faster one with the same rules. */
export type VerifySignature = (check: {
  readonly message: Uint8Array;
  readonly signature: Signature;
  readonly identity: Identity;
}) => boolean;

/**
 * F-05: RFC 8032 as the chain's precompile checks it: canonical encodings, neither key nor R of small order, S below the group's
 * order, and `R = [S]B - [k]A` byte for byte, without the cofactor. With the cofactor a signer can make signatures that hold
 * here and fail on chain, so that no evidence of them would ever be accepted there.
 */
export const verifySignature: VerifySignature = ({ message, signature, identity }) => {
  if (signature.length !== 64 || identity.length !== 32) return false;
  const encodedR = signature.subarray(0, 32);
  const s = readScalar(signature.subarray(32));
  if (s >= GROUP_ORDER) return false;
  try {
    const key = ed25519.Point.fromBytes(identity, false);
    if (key.isSmallOrder() || ed25519.Point.fromBytes(encodedR, false).isSmallOrder()) return false;
    const k = readScalar(sha512(concatBytes(encodedR, identity, message))) % GROUP_ORDER;
    const expected = ed25519.Point.BASE.multiplyUnsafe(s).subtract(key.multiplyUnsafe(k));
    return equalBytes(expected.toBytes(), encodedR);
  } catch {
    // A malformed key or point is a signature that does not hold.
    return false;
  }
};

const GROUP_ORDER = ed25519.Point.Fn.ORDER;

function readScalar(littleEndian: Uint8Array): bigint {
  return BigInt(`0x${toHex(littleEndian.toReversed())}`);
}

export function signedCodec<T>(record: HeaderCodec<T>): Codec<Signed<T>> {
  return struct({ value: record.fields, signature: signatureCodec }) as unknown as Codec<Signed<T>>;
}

export function signRecord<T>(
  record: HeaderCodec<T>,
  context: { readonly domain: Domain; readonly signer: Signer },
  value: T,
): Signed<T> {
  return { value, signature: context.signer.sign(record.hash(context.domain, value)) };
}

/** True if `identity` signed this record in this domain. */
export function checkRecord<T>(
  record: HeaderCodec<T>,
  context: { readonly domain: Domain; readonly identity: Identity; readonly verify?: VerifySignature },
  signed: Signed<T>,
): boolean {
  const message: Hash = record.hash(context.domain, signed.value);
  return (context.verify ?? verifySignature)({ message, signature: signed.signature, identity: context.identity });
}
