import { createHash, randomBytes } from 'node:crypto';
import type { Db } from './openDatabase.ts';

/** SHA-256 of an API key: what is stored of it, and what stands for its owner. */
export type KeyHash = Uint8Array & { readonly brand?: 'KeyHash' };

export function hashApiKey(key: string): KeyHash {
  return new Uint8Array(createHash('sha256').update(key).digest());
}

/** A new key: 256 random bits behind the prefix that secret scanners can look for. */
export function generateApiKey(): string {
  return `sk-karmesh-${randomBytes(32).toString('base64url')}`;
}

/** Makes `key` valid. Adding a known key again changes nothing, and does not revive a revoked one. */
export async function addApiKey(
  db: Db,
  options: { readonly key: string; readonly name: string; readonly nowMs: bigint },
): Promise<void> {
  await db
    .insertInto('api_keys')
    .values({
      key_hash: hashApiKey(options.key),
      name: options.name,
      created_at_ms: options.nowMs,
      revoked_at_ms: null,
    })
    .onConflict((conflict) => conflict.column('key_hash').doNothing())
    .execute();
}

/** The hash of a key that is known and not revoked. */
export async function findApiKey(db: Db, key: string): Promise<KeyHash | undefined> {
  const found = await db
    .selectFrom('api_keys')
    .select('key_hash')
    .where('key_hash', '=', hashApiKey(key))
    .where('revoked_at_ms', 'is', null)
    .executeTakeFirst();
  return found?.key_hash;
}

export type ApiKeyInfo = {
  readonly name: string;
  readonly createdAtMs: bigint;
  readonly revokedAtMs: bigint | undefined;
};

export async function listApiKeys(db: Db): Promise<readonly ApiKeyInfo[]> {
  const rows = await db
    .selectFrom('api_keys')
    .select(['name', 'created_at_ms', 'revoked_at_ms'])
    .orderBy('created_at_ms')
    .orderBy('name')
    .execute();
  return rows.map((row) => ({
    name: row.name,
    createdAtMs: row.created_at_ms,
    revokedAtMs: row.revoked_at_ms ?? undefined,
  }));
}

/** Ends every key of this name; the number of keys that it ended. */
export async function revokeApiKeys(
  db: Db,
  options: { readonly name: string; readonly nowMs: bigint },
): Promise<number> {
  const { numUpdatedRows } = await db
    .updateTable('api_keys')
    .set({ revoked_at_ms: options.nowMs })
    .where('name', '=', options.name)
    .where('revoked_at_ms', 'is', null)
    .executeTakeFirstOrThrow();
  return Number(numUpdatedRows);
}
