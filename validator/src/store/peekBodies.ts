import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Hash, toHex } from '@karmesh/sdk/protocol';
import { openBodyIndex, type StoredReference } from './bodyIndex.ts';

/** The bodies of an epoch that a data folder keeps. It looks at a copy of the index, since a validator may be writing. None where there is no index. */
export async function peekBodies(folder: string, epoch: bigint): Promise<readonly StoredReference[]> {
  const temporary = await mkdtemp(join(tmpdir(), 'karmesh-bodies-'));
  try {
    const copy = join(temporary, 'bodies.log');
    await copyFile(join(folder, 'bodies.log'), copy);
    await using index = await openBodyIndex(copy);
    return index.of(epoch);
  } catch {
    return [];
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** The bytes of a body in a data folder, as they are there. */
export async function peekBody(folder: string, bodyHash: Hash): Promise<Uint8Array | undefined> {
  return readFile(join(folder, 'bodies', toHex(bodyHash))).catch(() => undefined);
}
