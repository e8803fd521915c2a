import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { KarmeshError } from '@karmesh/sdk/errors';
import { storeError } from '@karmesh/sdk/runtime';
import type { ModelSource, ModelTarget, Sha256 } from '../convert/modelBytes.ts';

/** A model file that is open for reading. Disposing closes it. */
export type OpenedModel = ModelSource & AsyncDisposable;

/** OpenSSL's SHA-256. */
export const nodeSha256: Sha256 = () => createHash('sha256');

/** Opens a model file. Throws `MODEL_INVALID` if it cannot be opened or is none, and later if it cannot be read. */
export async function openModelFile(path: string): Promise<OpenedModel> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (cause) {
    throw new KarmeshError('MODEL_INVALID', 'The model file cannot be opened.', { path }, cause);
  }
  const stat = await file.stat();
  if (!stat.isFile()) {
    await file.close();
    throw new KarmeshError('MODEL_INVALID', 'The model is not a file.', { path });
  }
  return {
    bytes: stat.size,
    read: (offset, into) => readFully(file, { path, offset, into }),
    [Symbol.asyncDispose]: () => file.close(),
  };
}

/** A file that is written in any order. Throws `DISK_FULL`, `STORE_FAILED`. */
export function fileTarget(file: FileHandle, path: string): ModelTarget {
  return {
    async write(offset, bytes) {
      let done = 0;
      try {
        while (done < bytes.length)
          done += (await file.write(bytes, done, bytes.length - done, offset + done)).bytesWritten;
      } catch (cause) {
        throw storeError(path, cause);
      }
    },
    read: (offset, into) => readFully(file, { path, offset, into }),
  };
}

async function readFully(
  file: FileHandle,
  { path, offset, into }: { readonly path: string; readonly offset: number; readonly into: Uint8Array },
): Promise<void> {
  let done = 0;
  while (done < into.length) {
    let read: number;
    try {
      read = (await file.read(into, done, into.length - done, offset + done)).bytesRead;
    } catch (cause) {
      throw new KarmeshError('MODEL_INVALID', 'The model file cannot be read.', { path, offset }, cause);
    }
    if (read === 0)
      throw new KarmeshError('MODEL_INVALID', 'The model file became shorter while it was read.', { path, offset });
    done += read;
  }
}
