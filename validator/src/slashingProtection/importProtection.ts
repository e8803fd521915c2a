import { join } from 'node:path';
import { acquireLockFile } from '@karmesh/sdk/runtime';
import { fromInterchange } from './interchange.ts';
import { mergeInterchange } from './mergeInterchange.ts';
import { checkOwner } from './openProtection.ts';
import { openProtectionLog, protectionPath, replaceProtectionLog } from './protectionLog.ts';
import type { ClosedThrough, ProtectionOwner } from './protectionRows.ts';
import { protectionState } from './protectionState.ts';

export interface ImportedProtection {
  /** Records that were not held before. */
  readonly added: number;
  readonly records: number;
  /** Through which epochs nothing is signed from now on. */
  readonly closedThrough: ClosedThrough;
}

/**
 * Takes an interchange file into the protection log of a folder, whole or not at all, while no validator runs there. `ownerOf` says whose it
 * is if the folder does not.
 *
 * @throws KarmeshError `STORE_LOCKED` while a validator runs, `SLASHING_PROTECTION` for what may not be imported, `STORE_FAILED`, `DISK_FULL`.
 */
export async function importProtection(
  { folder, json }: { readonly folder: string; readonly json: unknown },
  ownerOf: () => Promise<ProtectionOwner>,
): Promise<ImportedProtection> {
  await using _lock = await acquireLockFile(join(folder, 'lock'));
  const path = protectionPath(folder);
  const { log, state } = await openProtectionLog(path);
  await log.close();
  const owner = state.owner() ?? (await ownerOf());
  checkOwner(state.owner(), owner);
  const merged = mergeInterchange(state, fromInterchange(json, owner), owner);
  await replaceProtectionLog(path, merged);
  const before = countSigned(state.rows());
  const records = countSigned(merged);
  return { added: records - before, records, closedThrough: protectionState(merged).closedThrough() };
}

function countSigned(rows: readonly { readonly kind: string }[]): number {
  return rows.filter(({ kind }) => kind !== 'owner' && kind !== 'closed').length;
}
