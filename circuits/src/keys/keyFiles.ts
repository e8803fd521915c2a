import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CircuitsError } from '../errors.ts';
import { inspectKey, type KeyDescription } from './inspectKey.ts';

/** A .zkey file and what it says of itself. */
export interface KeyFile extends KeyDescription {
  readonly path: string;
}

/** All .zkey files of a folder, by name. Nothing of them is checked yet. Throws `FILE_INVALID` for one that is no key, with its path. */
export async function readKeyFiles(folder: string): Promise<readonly KeyFile[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.zkey')).sort();
  const files: KeyFile[] = [];
  // One after the other, since each may have hundreds of megabytes.
  for (const name of names) {
    const path = join(folder, name);
    files.push({ path, ...describe(path, await readFile(path)) });
  }
  return files;
}

function describe(path: string, bytes: Uint8Array): KeyDescription {
  try {
    return inspectKey(bytes);
  } catch (error) {
    if (!(error instanceof CircuitsError)) throw error;
    throw new CircuitsError(error.code, error.message, { path, ...error.facts }, error);
  }
}
