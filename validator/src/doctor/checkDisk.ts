import { randomBytes } from 'node:crypto';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { storeError } from '@karmesh/sdk/runtime';
import { freeBytes } from '../observeDisk.ts';
import { type Found, failed, ok, warning } from './finding.ts';

const GIB = 2 ** 30;
const LEAST_BYTES = GIB;
const GOOD_BYTES = 10 * GIB;
/** Every vote and every verdict waits for one sync. */
const SLOW_MS = 50;
const TOO_SLOW_MS = 1_000;
const SYNCS = 16;

/** What a disk with so much room and so slow a sync means. */
export function judgeDisk({ bytes, syncMs }: { readonly bytes: number; readonly syncMs: number }): Found {
  const sentence = `The data folder has ${(bytes / GIB).toFixed(1)} GiB left, and a sync takes ${syncMs.toFixed(1)} ms.`;
  const room =
    'Make room, or name a folder on a larger disk with --data-dir: a full disk means that nothing is signed.';
  const speed = 'Put the data folder on a local SSD; a network disk that is slow to sync makes votes late.';
  if (bytes < LEAST_BYTES) return failed(sentence, room);
  if (syncMs > TOO_SLOW_MS) return failed(sentence, speed);
  if (bytes < GOOD_BYTES) return warning(sentence, room);
  return syncMs > SLOW_MS ? warning(sentence, speed) : ok(sentence);
}

/** Measures the folder's disk, making the folder if it is not there. Throws `STORE_FAILED`, `DISK_FULL`. */
export async function checkDisk(
  folder: string,
  { signal, nowMs }: { readonly signal: AbortSignal; readonly nowMs: () => number },
): Promise<Found> {
  const path = join(folder, `.doctor.${randomBytes(6).toString('hex')}.tmp`);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const taken: number[] = [];
    {
      await using file = await open(path, 'wx', 0o600);
      for (let i = 0; i < SYNCS; i++) {
        signal.throwIfAborted();
        const began = nowMs();
        await file.write(randomBytes(4_096));
        await file.datasync();
        taken.push(nowMs() - began);
      }
    }
    taken.sort((a, b) => a - b);
    return judgeDisk({ bytes: await freeBytes(folder), syncMs: taken[SYNCS / 2] ?? 0 });
  } catch (cause) {
    throw storeError(path, cause);
  } finally {
    // Where a file could not be made there is none to remove.
    await rm(path, { force: true }).catch(() => undefined);
  }
}
