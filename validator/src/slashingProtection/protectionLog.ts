import { copyFile, mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { makeDomain } from '@karmesh/sdk/protocol';
import { type AppendLog, errnoOf, openAppendLog, storeError, syncFolder } from '@karmesh/sdk/runtime';
import {
  decodeProtectionRow,
  encodeProtectionRow,
  type ProtectionOwner,
  type ProtectionRow,
} from './protectionRows.ts';
import { type ProtectionState, protectionState } from './protectionState.ts';

/** Where a validator's folder has its protection log. */
export function protectionPath(folder: string): string {
  return join(folder, 'protection.log');
}

/**
 * Opens a protection log and reads all of it; whoever calls holds the folder's lock. `owner` says what verdicts of a log were signed under that was written
 * before logs said whose they are.
 *
 * @throws KarmeshError `STORE_FAILED` when the log is damaged before its end, `DISK_FULL`.
 */
export async function openProtectionLog(
  path: string,
  owner?: ProtectionOwner,
): Promise<{ readonly log: AppendLog; readonly state: ProtectionState }> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    // What a killed process was about to put in the log's place.
    await rm(replacementOf(path), { force: true });
  } catch (cause) {
    throw storeError(path, cause);
  }
  const log = await openAppendLog({ path });
  try {
    const state = protectionState();
    const rows: Uint8Array[] = [];
    for await (const bytes of log.read()) rows.push(bytes);
    let known = owner;
    const domain = () => {
      if (known === undefined) throw storeError(path, new Error('The log does not say whose it is.'));
      return makeDomain({ genesisHash: known.genesis, programId: known.programId });
    };
    for (const bytes of rows) {
      const row = decodeProtectionRow(bytes, domain);
      if (row.kind === 'owner') known = row;
      state.apply(row);
    }
    return { log, state };
  } catch (cause) {
    await log.close();
    throw storeError(path, cause);
  }
}

/** Puts a log of these rows in the place of the one that is there: whoever is killed meanwhile leaves the old one or the new one, whole. */
export async function replaceProtectionLog(path: string, rows: readonly ProtectionRow[]): Promise<void> {
  const replacement = replacementOf(path);
  try {
    await rm(replacement, { force: true });
    {
      await using log = await openAppendLog({ path: replacement });
      await Promise.all(rows.map((row) => log.append(encodeProtectionRow(row))));
    }
    await rename(replacement, path);
    await syncFolder(dirname(path));
  } catch (cause) {
    await rm(replacement, { force: true });
    throw storeError(path, cause);
  }
}

/** What a log says now, also while its validator runs: a copy is read, so that a record that is being written is no torn end. Undefined without a log. */
export async function peekProtectionLog(path: string): Promise<ProtectionState | undefined> {
  try {
    await stat(path);
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return undefined;
    throw storeError(path, cause);
  }
  const folder = await mkdtemp(join(tmpdir(), 'karmesh-protection-'));
  try {
    const copy = join(folder, 'protection.log');
    await copyFile(path, copy);
    const { log, state } = await openProtectionLog(copy);
    await log.close();
    return state;
  } catch (cause) {
    throw storeError(path, cause);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function replacementOf(path: string): string {
  return `${path}.new`;
}
