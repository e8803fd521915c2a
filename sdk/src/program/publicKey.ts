import { PublicKey } from '@solana/web3.js';
import { KarmeshError } from '../errors.ts';
import type { Address } from './address.ts';

/** web3.js' form of an address. Throws `BAD_ARGUMENT` unless it has 32 bytes. */
export function toPublicKey(address: Address): PublicKey {
  if (address.length !== 32) {
    throw new KarmeshError('BAD_ARGUMENT', 'An address must have 32 bytes.', { bytes: address.length });
  }
  return new PublicKey(address);
}
