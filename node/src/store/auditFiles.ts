import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { decode, encode, toHex } from '@karmesh/sdk/protocol';
import { errnoOf, storeError, syncFolder, writeFileAtomic } from '@karmesh/sdk/runtime';
import { type AuditStore, auditRecordCodec } from '../worker/stores.ts';

/**
 * Audit records as files of mode 0600 in `audits/<epoch>/`, apart from the receipts: they hold prompts and answers, and are deleted
 * as soon as no audit can ask for them.
 */
export async function openAuditFiles(folder: string): Promise<AuditStore> {
  const root = join(folder, 'audits');
  const known = new Set<bigint>();
  const makeFolder = async (path: string): Promise<void> => {
    try {
      await mkdir(path, { recursive: true, mode: 0o700 });
    } catch (cause) {
      throw storeError(path, cause);
    }
  };
  await makeFolder(root);
  const fileOf = (place: { readonly epoch: bigint; readonly receiptHash: Uint8Array }): string =>
    join(root, place.epoch.toString(), toHex(place.receiptHash));

  return {
    async put(record) {
      if (!known.has(record.epoch)) {
        await makeFolder(join(root, record.epoch.toString()));
        await syncFolder(root);
        known.add(record.epoch);
      }
      await writeFileAtomic({ path: fileOf(record), bytes: encode(auditRecordCodec, record) });
    },
    async get(place) {
      const path = fileOf(place);
      let bytes: Uint8Array;
      try {
        bytes = await readFile(path);
      } catch (cause) {
        if (errnoOf(cause) === 'ENOENT') return undefined;
        throw storeError(path, cause);
      }
      return decode(auditRecordCodec, bytes);
    },
    async countProofs() {
      const counts = new Map<bigint, number>();
      for (const name of await readdir(root)) {
        if (!/^\d+$/.test(name)) continue;
        for (const file of await readdir(join(root, name))) {
          // What a process that was killed left half-written has another name.
          if (!/^[0-9a-f]{64}$/.test(file)) continue;
          const { request } = decode(auditRecordCodec, await readFile(join(root, name, file)));
          if (request.assurance === 'proof') counts.set(BigInt(name), (counts.get(BigInt(name)) ?? 0) + 1);
        }
      }
      return counts;
    },
    async dropUpTo(epoch) {
      for (const name of await readdir(root)) {
        if (!/^\d+$/.test(name) || BigInt(name) > epoch) continue;
        known.delete(BigInt(name));
        await rm(join(root, name), { recursive: true, force: true });
      }
    },
  };
}
