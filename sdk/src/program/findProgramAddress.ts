import { ed25519 } from '@noble/curves/ed25519.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { KarmeshError } from '../errors.ts';
import { concatBytes } from '../protocol/bytes.ts';
import type { Address } from './address.ts';

const MARKER = new TextEncoder().encode('ProgramDerivedAddress');
const HIGHEST_BUMP = 255;

/**
 * The address that a program derives from seeds (https://solana.com/docs/core/pda): the first hash, counting the bump down, that is no
 * point of the curve, so that nobody has its key. Written here because a browser also needs it, without web3.js.
 */
export function findProgramAddress(seeds: readonly Uint8Array[], programId: Address): Address {
  for (let bump = HIGHEST_BUMP; bump >= 0; bump--) {
    const hash = sha256(concatBytes(...seeds, new Uint8Array([bump]), programId, MARKER));
    if (!isOnCurve(hash)) return hash;
  }
  throw new KarmeshError('BAD_ARGUMENT', 'No address can be derived from these seeds.', { seeds: seeds.length });
}

function isOnCurve(bytes: Uint8Array): boolean {
  try {
    ed25519.Point.fromBytes(bytes);
    return true;
  } catch {
    return false;
  }
}
