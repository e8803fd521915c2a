import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { storeError } from './storeError.ts';

export type WriteAtomicOptions = {
  readonly path: string;
  readonly bytes: Uint8Array | string;
  /** The permission bits of the new file, 0600 unless told. */
  readonly mode?: number;
};

/**
 * Replaces a file so that a reader, or a machine that lost its power, sees the old content or the new and nothing between:
 * temporary file beside it, fsync, rename, fsync of the folder.
 *
 * @throws KarmeshError `DISK_FULL` or `STORE_FAILED`; the old content is then still in place.
 */
export async function writeFileAtomic({ path, bytes, mode = 0o600 }: WriteAtomicOptions): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await using file = await open(temporary, 'wx', mode);
    await file.writeFile(bytes);
    await file.sync();
  } catch (cause) {
    await rm(temporary, { force: true });
    throw storeError(path, cause);
  }
  try {
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (cause) {
    await rm(temporary, { force: true });
    throw storeError(path, cause);
  }
}

/** Makes the names in a folder durable. Windows cannot open a folder and does not need it. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  await using handle = await open(folder, 'r');
  await handle.sync();
}
