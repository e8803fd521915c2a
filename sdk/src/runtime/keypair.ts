import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign as signBytes } from 'node:crypto';
import { z } from 'zod';
import { KarmeshError } from '../errors.ts';
import type { Signer } from '../signer.ts';
import { createSecretFile, readSecretFile } from './secretFile.ts';

/** A signer that can also hand its secret to libp2p's noise handshake. A method, so that no log or JSON shows it. */
export type Keypair = Signer & {
  /** The 32-byte seed followed by the 32-byte public key, as a Solana CLI file holds them. */
  secretKey(): Uint8Array;
};

const secretLength = 64;
const seedLength = 32;
const fileSchema = z.array(z.int().min(0).max(255)).length(secretLength);
// RFC 8410: what stands before the 32-byte seed of an Ed25519 key in PKCS #8.
const pkcs8Prefix = Uint8Array.from([48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32]);
const spkiPrefixLength = 12;

/**
 * The keypair that 64 secret bytes are.
 *
 * @throws KarmeshError `KEYPAIR_INVALID` for another length or a public half that is not the seed's.
 */
export function keypairFromSecret(secret: Uint8Array, facts: { readonly path?: string } = {}): Keypair {
  if (secret.length !== secretLength) throw invalid('A keypair is 64 bytes.', { ...facts, bytes: secret.length });
  const own = secret.slice();
  const pkcs8 = new Uint8Array(pkcs8Prefix.length + seedLength);
  pkcs8.set(pkcs8Prefix);
  pkcs8.set(own.subarray(0, seedLength), pkcs8Prefix.length);
  const key = createPrivateKey({ key: Buffer.from(pkcs8.buffer), format: 'der', type: 'pkcs8' });
  const publicKey = publicBytes(key);
  if (!publicKey.every((byte, index) => byte === own[seedLength + index])) {
    throw invalid('The public half of the keypair is not that of its secret half.', facts);
  }
  return {
    publicKey,
    sign: (message) => new Uint8Array(signBytes(null, message, key)),
    secretKey: () => own.slice(),
  };
}

/** A new keypair from the system's random numbers. */
export function generateKeypair(): Keypair {
  const { privateKey } = generateKeyPairSync('ed25519');
  const seed = privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(pkcs8Prefix.length);
  const secret = new Uint8Array(secretLength);
  secret.set(seed);
  secret.set(publicBytes(privateKey), seedLength);
  return keypairFromSecret(secret);
}

/**
 * Reads a Solana CLI keypair file: a JSON array of 64 numbers, readable by its owner alone.
 *
 * @throws KarmeshError `KEYPAIR_MODE` when group or others may read it, `KEYPAIR_INVALID` for another shape or no such file.
 */
export async function loadKeypair(path: string): Promise<Keypair> {
  const text = await readSecretFile(path);
  let numbers: unknown;
  try {
    numbers = JSON.parse(text);
  } catch {
    // The parser's message quotes the text, which may be most of a secret, so it is not kept as the cause.
    throw invalid('The keypair file is not JSON.', { path });
  }
  const parsed = fileSchema.safeParse(numbers);
  if (!parsed.success) throw invalid('The keypair file is not an array of 64 bytes.', { path });
  return keypairFromSecret(Uint8Array.from(parsed.data), { path });
}

/**
 * Makes a keypair and its file with mode 0600. An existing file is never overwritten.
 *
 * @throws KarmeshError `KEYPAIR_INVALID` when the file exists, `DISK_FULL` or `STORE_FAILED`.
 */
export async function createKeypairFile(path: string): Promise<Keypair> {
  const keypair = generateKeypair();
  await createSecretFile(path, `${JSON.stringify(Array.from(keypair.secretKey()))}\n`);
  return keypair;
}

function publicBytes(key: KeyObject): Uint8Array {
  return new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(spkiPrefixLength));
}

function invalid(sentence: string, facts: Record<string, string | number | undefined>, cause?: unknown): KarmeshError {
  return new KarmeshError('KEYPAIR_INVALID', sentence, facts, cause);
}
