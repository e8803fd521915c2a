import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { KarmeshError } from '../errors.ts';
import { syncFolder } from './atomicFile.ts';
import { errnoOf, storeError } from './storeError.ts';

const maxFileBytes = 1024;

/**
 * The text of a file that holds a secret: short, and readable by its owner alone.
 *
 * @throws KarmeshError `KEYPAIR_MODE` when group or others may read it, `KEYPAIR_INVALID` if it is too long or not there.
 */
export async function readSecretFile(path: string): Promise<string> {
  try {
    await using file = await open(path, 'r');
    const { mode, size, uid } = await file.stat();
    // Windows keeps rights elsewhere and reports 0666 for every file.
    if (process.platform !== 'win32' && !isPrivate({ mode, uid, ownUid: process.getuid?.() })) {
      const found = (mode & 0o777).toString(8).padStart(4, '0');
      throw new KarmeshError('KEYPAIR_MODE', 'The keypair file must have mode 0600 or 0400.', { path, mode: found });
    }
    if (size > maxFileBytes)
      throw new KarmeshError('KEYPAIR_INVALID', 'The keypair file is too long.', { path, bytes: size });
    return await file.readFile('utf8');
  } catch (cause) {
    if (cause instanceof KarmeshError) throw cause;
    const facts = { path, errno: errnoOf(cause) };
    throw new KarmeshError('KEYPAIR_INVALID', 'The keypair file could not be read.', facts, cause);
  }
}

/**
 * Whether only this process's user reads a file. A file of root's that this user may read without owning it was handed over by the machine's manager, as systemd
 * does with credentials: the right of one user then shows as the group's.
 */
export function isPrivate(file: {
  readonly mode: number;
  readonly uid: number;
  readonly ownUid: number | undefined;
}): boolean {
  const bits = file.mode & 0o777;
  if (bits === 0o600 || bits === 0o400) return true;
  return bits === 0o440 && file.uid === 0 && file.ownUid !== 0;
}

/**
 * Writes a secret into a new file with mode 0600. An existing file is never overwritten.
 *
 * @throws KarmeshError `KEYPAIR_INVALID` when the file exists, `DISK_FULL` or `STORE_FAILED`.
 */
export async function createSecretFile(path: string, text: string): Promise<void> {
  try {
    await using file = await open(path, 'wx', 0o600);
    // The umask may have taken more bits away, and then loading would refuse the file.
    await file.chmod(0o600);
    await file.writeFile(text);
    await file.sync();
    await syncFolder(dirname(path));
  } catch (cause) {
    if (errnoOf(cause) === 'EEXIST')
      throw new KarmeshError('KEYPAIR_INVALID', 'A keypair file is already there.', { path }, cause);
    throw storeError(path, cause);
  }
}
