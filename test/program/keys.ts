import { createHash } from 'node:crypto';
import { type Keypair, keypairFromSecret } from '@karmesh/sdk/runtime';
import { Keypair as SolanaKeypair } from '@solana/web3.js';

/** The same key for the same name in every run, so that addresses, bumps and compute units are, too. */
export function namedKey(name: string): Keypair {
  return keypairFromSecret(namedSecret(name));
}

/** The 64 bytes of that key, as a keypair file has them. */
export function namedSecret(name: string): Uint8Array {
  const seed = createHash('sha256').update(`karmesh test key ${name}`).digest();
  return SolanaKeypair.fromSeed(seed).secretKey;
}

/** 32 bytes that stand for something. */
export function namedHash(name: string): Uint8Array {
  return new Uint8Array(createHash('sha256').update(`karmesh test hash ${name}`).digest());
}
