import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { equalBytes, type Hash, hash, toHex } from '@karmesh/sdk/protocol';
import { storeError, writeFileAtomic } from '@karmesh/sdk/runtime';

/** Bodies by their SHA-256, a file each. */
export interface BodyFiles {
  /** Resolves once the body is on disk. */
  put(bytes: Uint8Array): Promise<Hash>;
  /** Undefined for a body that is not here, or whose file is no longer what its name says. */
  get(bodyHash: Hash): Promise<Uint8Array | undefined>;
  remove(bodyHash: Hash): Promise<void>;
}

export async function openBodyFiles(folder: string): Promise<BodyFiles> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw storeError(folder, cause);
  }
  const pathOf = (bodyHash: Hash): string => join(folder, toHex(bodyHash));
  return {
    async put(bytes) {
      const bodyHash = hash(bytes);
      await writeFileAtomic({ path: pathOf(bodyHash), bytes });
      return bodyHash;
    },
    async get(bodyHash) {
      let bytes: Uint8Array;
      try {
        bytes = await readFile(pathOf(bodyHash));
      } catch {
        return undefined;
      }
      return equalBytes(hash(bytes), bodyHash) ? bytes : undefined;
    },
    remove: (bodyHash) => rm(pathOf(bodyHash), { force: true }),
  };
}
