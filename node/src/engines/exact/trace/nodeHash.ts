import { hash } from 'node:crypto';
import type { Hash, Sha256 } from '@karmesh/sdk/protocol';

const HASH_BYTES = 32;

/** OpenSSL's SHA-256. A digest comes as a text of 32 characters: a trace has many short leaves, and a buffer costs more than its hash. */
export const nodeHash: Sha256 = (bytes) => {
  const text = hash('sha256', bytes, 'binary');
  const digest = new Uint8Array(HASH_BYTES);
  for (let i = 0; i < HASH_BYTES; i++) digest[i] = text.charCodeAt(i);
  return digest as Hash;
};
