import { hash, randomBytes } from 'node:crypto';
import { KarmeshError } from '@karmesh/sdk/errors';
import { operatorAccount } from './accounts.ts';
import type { Sql } from './db.ts';

/** What names a key for good: the SHA-256 of its first secret. */
export type KeyHash = Uint8Array & { readonly brand?: 'KeyHash' };

/** What is stored of a secret. */
export function hashApiKey(secret: string): KeyHash {
  return new Uint8Array(hash('sha256', secret, 'buffer'));
}

/** A new secret: 256 random bits behind the prefix that secret scanners can look for. */
export function generateApiKey(): string {
  return `sk-karmesh-${randomBytes(32).toString('base64url')}`;
}

/** Lamports that a key may spend, in a UTC day and in all; undefined for as much as its account has. */
export type KeyCaps = {
  readonly capDayLamports?: bigint | undefined;
  readonly capTotalLamports?: bigint | undefined;
};

/** Makes `key` valid, for the operator's own account unless told. Adding a known key again changes nothing, and does not revive a revoked one. */
export async function addApiKey(
  sql: Sql,
  options: KeyCaps & {
    readonly key: string;
    readonly name: string;
    readonly nowMs: bigint;
    readonly accountId?: bigint | undefined;
  },
): Promise<void> {
  const hash = hashApiKey(options.key);
  const accountId = options.accountId ?? (await operatorAccount(sql)).id;
  const add = async (transaction: Sql): Promise<void> => {
    const known = await transaction
      .selectFrom('key_secrets')
      .select('key_hash')
      .where('secret_hash', '=', hash)
      .executeTakeFirst();
    if (known !== undefined) return;
    await transaction
      .insertInto('api_keys')
      .values({
        key_hash: hash,
        account_id: accountId,
        name: options.name,
        cap_day_lamports: options.capDayLamports ?? null,
        cap_total_lamports: options.capTotalLamports ?? null,
        created_at_ms: options.nowMs,
        rotated_at_ms: null,
        revoked_at_ms: null,
      })
      .execute();
    await addSecret(transaction, { secretHash: hash, keyHash: hash, nowMs: options.nowMs });
  };
  await (sql.isTransaction ? add(sql) : sql.transaction().execute(add));
}

/** Makes a key without a secret, which nobody can present, for requests that are paid in another way. One that is there stays as it is. */
export async function addSilentKey(
  sql: Sql,
  key: { readonly keyHash: KeyHash; readonly accountId: bigint; readonly name: string; readonly nowMs: bigint },
): Promise<void> {
  await sql
    .insertInto('api_keys')
    .values({
      key_hash: key.keyHash,
      account_id: key.accountId,
      name: key.name,
      cap_day_lamports: null,
      cap_total_lamports: null,
      created_at_ms: key.nowMs,
      rotated_at_ms: null,
      revoked_at_ms: null,
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

async function addSecret(
  sql: Sql,
  secret: { readonly secretHash: Uint8Array; readonly keyHash: KeyHash; readonly nowMs: bigint },
): Promise<void> {
  await sql
    .insertInto('key_secrets')
    .values({
      secret_hash: secret.secretHash,
      key_hash: secret.keyHash,
      created_at_ms: secret.nowMs,
      ends_at_ms: null,
    })
    .execute();
}

export type FoundKey = { readonly keyHash: KeyHash; readonly accountId: bigint };

/** Whose key a secret is, while both are valid. */
export async function findApiKey(
  sql: Sql,
  asked: { readonly key: string; readonly nowMs: bigint },
): Promise<FoundKey | undefined> {
  const found = await sql
    .selectFrom('key_secrets')
    .innerJoin('api_keys', 'api_keys.key_hash', 'key_secrets.key_hash')
    .select(['api_keys.key_hash', 'account_id'])
    .where('secret_hash', '=', hashApiKey(asked.key))
    .where('revoked_at_ms', 'is', null)
    .where((column) => column.or([column('ends_at_ms', 'is', null), column('ends_at_ms', '>', asked.nowMs)]))
    .executeTakeFirst();
  return found === undefined ? undefined : { keyHash: found.key_hash, accountId: found.account_id };
}

export type ApiKeyInfo = KeyCaps & {
  /** Names it to its owner, and opens nothing. */
  readonly id: string;
  readonly name: string;
  readonly account: string;
  /** Of the UTC day that `nowMs` is in. */
  readonly spentDayLamports: bigint;
  readonly spentTotalLamports: bigint;
  readonly createdAtMs: bigint;
  readonly rotatedAtMs: bigint | undefined;
  readonly revokedAtMs: bigint | undefined;
};

/** The keys of an account, or all; or the one that is named. */
export async function listApiKeys(
  sql: Sql,
  options: {
    readonly nowMs: bigint;
    readonly accountId?: bigint | undefined;
    readonly keyHash?: KeyHash | undefined;
  },
): Promise<readonly ApiKeyInfo[]> {
  const { accountId, keyHash } = options;
  const rows = await sql
    .selectFrom('api_keys')
    .innerJoin('accounts', 'accounts.id', 'api_keys.account_id')
    .selectAll('api_keys')
    .select('accounts.name as account')
    .$if(accountId !== undefined, (query) => query.where('account_id', '=', accountId ?? 0n))
    .$if(keyHash !== undefined, (query) => query.where('key_hash', '=', keyHash ?? new Uint8Array()))
    .orderBy('api_keys.created_at_ms')
    .orderBy('api_keys.name')
    .execute();
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    account: row.account,
    capDayLamports: row.cap_day_lamports ?? undefined,
    capTotalLamports: row.cap_total_lamports ?? undefined,
    spentDayLamports: row.spent_day === utcDay(options.nowMs) ? row.spent_day_lamports : 0n,
    spentTotalLamports: row.spent_total_lamports,
    createdAtMs: row.created_at_ms,
    rotatedAtMs: row.rotated_at_ms ?? undefined,
    revokedAtMs: row.revoked_at_ms ?? undefined,
  }));
}

const MS_PER_DAY = 86_400_000n;

/** UTC days since 1970. */
export const utcDay = (ms: bigint): bigint => ms / MS_PER_DAY;

type Named = { readonly name: string; readonly accountId?: bigint | undefined; readonly nowMs: bigint };

/**
 * Gives the one valid key of this name a new secret; those before are valid for `overlapMs` more. Caps and what was spent stay with the key, so
 * that two secrets cannot spend more than one.
 *
 * @throws KarmeshError `CONFIG_INVALID` unless there is exactly one.
 */
export async function rotateApiKey(
  sql: Sql,
  options: Named & { readonly secret: string; readonly overlapMs: bigint },
): Promise<void> {
  const { accountId } = options;
  await sql.transaction().execute(async (transaction) => {
    const keys = await transaction
      .selectFrom('api_keys')
      .select('key_hash')
      .where('name', '=', options.name)
      .where('revoked_at_ms', 'is', null)
      .$if(accountId !== undefined, (query) => query.where('account_id', '=', accountId ?? 0n))
      .forNoKeyUpdate()
      .execute();
    const [key] = keys;
    if (key === undefined || keys.length > 1) {
      throw new KarmeshError('CONFIG_INVALID', 'There is not one valid key of this name.', {
        name: options.name,
        keys: keys.length,
      });
    }
    await replaceSecret(transaction, { ...options, keyHash: key.key_hash });
  });
}

/** Gives a key whose row the caller's transaction has locked a new secret; those before are valid for `overlapMs` more. */
export async function replaceSecret(
  transaction: Sql,
  options: {
    readonly keyHash: KeyHash;
    readonly secret: string;
    readonly overlapMs: bigint;
    readonly nowMs: bigint;
  },
): Promise<void> {
  const { keyHash, nowMs } = options;
  const ends = nowMs + options.overlapMs;
  await transaction
    .updateTable('key_secrets')
    .set({ ends_at_ms: ends })
    .where('key_hash', '=', keyHash)
    .where((column) => column.or([column('ends_at_ms', 'is', null), column('ends_at_ms', '>', ends)]))
    .execute();
  await addSecret(transaction, { secretHash: hashApiKey(options.secret), keyHash, nowMs });
  await transaction.updateTable('api_keys').set({ rotated_at_ms: nowMs }).where('key_hash', '=', keyHash).execute();
}

/** Ends every key of this name; the number of keys that it ended. */
export async function revokeApiKeys(sql: Sql, { name, accountId, nowMs }: Named): Promise<number> {
  const { numUpdatedRows } = await sql
    .updateTable('api_keys')
    .set({ revoked_at_ms: nowMs })
    .where('name', '=', name)
    .where('revoked_at_ms', 'is', null)
    .$if(accountId !== undefined, (query) => query.where('account_id', '=', accountId ?? 0n))
    .executeTakeFirstOrThrow();
  return Number(numUpdatedRows);
}
