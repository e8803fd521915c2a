import { execFile } from 'node:child_process';
import { mkdtemp, rm, rmdir, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const MIB = 2 ** 20;

/** A file system of its own that can be filled to the last byte. */
export interface SmallDisk extends AsyncDisposable {
  readonly path: string;
  fill(): Promise<void>;
  free(): Promise<void>;
}

/** Why this process cannot mount one, or undefined if it can. */
export async function whyNoSmallDisk(): Promise<string | undefined> {
  try {
    await using _disk = await mountSmallDisk(1);
    return undefined;
  } catch (error) {
    return `no file system can be mounted here: ${error instanceof Error ? error.message.split('\n')[0] : 'unknown'}`;
  }
}

/** Mounts a file system of `mebibytes` in memory. Disposing unmounts it, with all that it holds. */
export async function mountSmallDisk(mebibytes: number): Promise<SmallDisk> {
  const path = await mkdtemp(join(tmpdir(), 'karmesh-disk-'));
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m,mode=0700`, 'tmpfs', path]);
  } catch (error) {
    await rmdir(path);
    throw error;
  }
  const filler = join(path, 'filler');
  return {
    path,
    async fill() {
      // Others write meanwhile, so once more until nothing is left.
      for (let part = 0; ; part++) {
        const { bavail, bsize } = await statfs(path);
        const bytes = Math.min(bavail * bsize, 64 * MIB);
        if (bytes === 0) return;
        await writeFile(`${filler}.${part}`, Buffer.alloc(bytes)).catch((error: NodeJS.ErrnoException) => {
          if (error.code !== 'ENOSPC') throw error;
        });
      }
    },
    async free() {
      for (let part = 0; ; part++) {
        try {
          await rm(`${filler}.${part}`);
        } catch {
          return;
        }
      }
    },
    async [Symbol.asyncDispose]() {
      await run('umount', ['--lazy', path]);
      await rmdir(path);
    },
  };
}
