import { keccak_256 } from '@noble/hashes/sha3.js';
import type { Secp256k1Proof } from '../program/index.ts';
import { concatBytes, type Domain, hash, KIND } from '../protocol/index.ts';
import type { Secp256k1Key } from '../runtime/index.ts';

const PREFIX = new TextEncoder().encode('\x19Ethereum Signed Message:\n32');

/** P-04: shows that who registers a participant holds a key of EVM chains. By EIP-191, so that a wallet can say it as well. */
export function secp256k1Proof(
  key: Secp256k1Key,
  claim: { readonly domain: Domain; readonly participant: Uint8Array },
): Secp256k1Proof {
  const message = hash(claim.domain, new Uint8Array([KIND.secp256k1]), claim.participant);
  const { r, s, recoveryId } = key.sign(keccak_256(concatBytes(PREFIX, message)));
  return { address: key.address, signature: concatBytes(r, s), recoveryId };
}
