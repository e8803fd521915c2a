import { access, mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Address, toBase58 } from '../program/index.ts';
import { acquireLockFile, createKeypairFile, type Keypair, type LockFile, loadKeypair } from '../runtime/index.ts';

/** The key of the buffer of one deployment, in a file from before its account is paid for: whoever runs it again goes on with the same buffer. */
export interface BufferKey extends AsyncDisposable {
  readonly path: string;
  readonly keypair: Keypair;
  /** Removes the file; the account is gone. */
  forget(): Promise<void>;
}

/** Which deployment a buffer belongs to: another program, address or cluster has another buffer. */
export interface DeploymentName {
  readonly folder: string;
  readonly genesis: Uint8Array;
  readonly programId: Address;
  /** SHA-256 of the program in hexadecimal. */
  readonly programHash: string;
}

const SHORT = 8;
const SHORT_HASH = 16;

/** Opens or makes the key, for this process alone. Throws `STORE_LOCKED` while another process deploys the same, `KEYPAIR_INVALID`, `STORE_FAILED`. */
export async function openBufferKey(name: DeploymentName): Promise<BufferKey> {
  const path = bufferKeyPath(name);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const lock: LockFile = await acquireLockFile(`${path}.lock`);
  try {
    const keypair = (await isThere(path)) ? await loadKeypair(path) : await createKeypairFile(path);
    return { path, keypair, forget: () => rm(path, { force: true }), [Symbol.asyncDispose]: () => lock.release() };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** The buffer that an earlier run began, without making one. Throws `KEYPAIR_INVALID`. */
export async function knownBuffer(name: DeploymentName): Promise<Address | undefined> {
  const path = bufferKeyPath(name);
  return (await isThere(path)) ? (await loadKeypair(path)).publicKey : undefined;
}

function bufferKeyPath({ folder, genesis, programId, programHash }: DeploymentName): string {
  const words = [toBase58(genesis).slice(0, SHORT), toBase58(programId), programHash.slice(0, SHORT_HASH)];
  return join(folder, `${words.join('-')}.buffer.json`);
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
