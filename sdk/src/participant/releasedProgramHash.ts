import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { KarmeshError } from '../errors.ts';
import { storeError } from '../runtime/index.ts';

const path = fileURLToPath(new URL('../../../programs/karma/karma.so.sha256', import.meta.url));

/** The SHA-256 of the karma program of this release, in hexadecimal digits. Throws `STORE_FAILED`. */
export async function releasedProgramHash(): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw storeError(path, cause);
  }
  const [, sha256] = /^([0-9a-f]{64})\s/.exec(text) ?? [];
  if (sha256 === undefined)
    throw new KarmeshError('STORE_FAILED', 'The release does not say which program it is for.', { path });
  return sha256;
}
