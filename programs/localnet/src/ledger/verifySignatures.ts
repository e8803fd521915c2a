import { createPublicKey, verify } from 'node:crypto';
import { addressBytes } from '../base58.ts';
import type { WireTransaction } from './wireTransaction.ts';

const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex');

/** Whether every required signature of a transaction holds. */
export function verifySignatures({ signatures, message }: WireTransaction): boolean {
  return signatures.every((signature, index) => {
    const signer = message.accountKeys[index];
    if (signer === undefined) return false;
    try {
      const der = Buffer.concat([spkiPrefix, addressBytes(signer)]);
      return verify(null, message.bytes, createPublicKey({ key: der, format: 'der', type: 'spki' }), signature);
    } catch {
      // OpenSSL throws for an address that is no point of the curve: a program's derived address cannot sign.
      return false;
    }
  });
}
