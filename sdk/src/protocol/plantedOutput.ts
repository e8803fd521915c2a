import { struct } from './codec.ts';
import { type Hash, hash, hashCodec } from './hash.ts';
import { type Domain, header, KIND } from './header.ts';
import type { RequestId } from './ids.ts';

const plantedHeader = header(KIND.planted, struct({ secret: hashCodec }));

/**
 * P-52: an output hash that no tokens have: `H(domain || 24 || secret)`. Whoever signs a receipt over it can show by the 32 bytes of
 * the secret that every auditor who passed the receipt did not look.
 */
export function plantedOutputHash(domain: Domain, secret: Uint8Array): Hash {
  return plantedHeader.hash(domain, { secret });
}

/**
 * The secret of one planted answer: workers that are to agree on it share `seed`, 32 random bytes that nobody else knows. Each
 * request has its own, so that showing one gives no other away.
 */
export function plantedSecret(planted: { readonly seed: Uint8Array; readonly requestId: RequestId }): Hash {
  return hash(planted.seed, planted.requestId);
}
