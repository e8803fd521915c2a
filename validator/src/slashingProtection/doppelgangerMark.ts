import { access, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { storeError, syncFolder, writeFileAtomic } from '@karmesh/sdk/runtime';

/**
 * V-26: remembers across restarts that another process was seen, so that a supervisor which starts this one again and again does not give it a few seconds in which it
 * signs each time. The file says so to people, too.
 */
export interface DoppelgangerMark {
  isSet(): Promise<boolean>;
  set(sentence: string): Promise<void>;
  clear(): Promise<void>;
}

/** The mark of a data folder. Throws `STORE_FAILED`, `DISK_FULL`. */
export function doppelgangerMark(folder: string): DoppelgangerMark {
  const path = join(folder, 'another-process-was-seen');
  return {
    isSet: () =>
      access(path).then(
        () => true,
        () => false,
      ),
    set: (sentence) => writeFileAtomic({ path, bytes: `${sentence}\n`, mode: 0o644 }),
    async clear() {
      try {
        await rm(path, { force: true });
        await syncFolder(folder);
      } catch (cause) {
        throw storeError(path, cause);
      }
    },
  };
}
