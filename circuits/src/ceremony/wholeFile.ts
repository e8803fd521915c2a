import { randomUUID } from 'node:crypto';
import { access, open, rename, rm } from 'node:fs/promises';
import { CircuitsError } from '../errors.ts';

/**
 * Writes a file that is there only if all of it is: `write` gets a name beside it, which ends in `.partial`. Nothing is written over, since a ceremony's file
 * that is lost cannot be made again. Throws `BAD_INPUT` if the file is there already.
 */
export async function wholeFile<Result>(path: string, write: (partial: string) => Promise<Result>): Promise<Result> {
  if (await isThere(path)) throw new CircuitsError('BAD_INPUT', 'The file is there already.', { path });
  const partial = `${path}.${randomUUID()}.partial`;
  try {
    const result = await write(partial);
    await using file = await open(partial, 'r+');
    await file.sync();
    await rename(partial, path);
    return result;
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
