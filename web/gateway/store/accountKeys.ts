import { addApiKey, type KeyCaps, type KeyHash, replaceSecret } from './apiKeys.ts';
import type { Sql } from './db.ts';

// What the owner of an account does with its keys, by their ids. A key of another account is no key.

/** Valid keys of an account at once. */
export const MAX_VALID_KEYS = 20;
/** Keys that an account has had, and secrets that a key has had: rows that are kept for good. */
export const MAX_KEYS = 1_000;
export const MAX_SECRETS = 1_000;

type Owned = { readonly accountId: bigint; readonly id: string };

export type KeyRefusal = 'unknown' | 'too-many';

/** Makes a key; says its hash, or that the account has as many as it may. */
export function makeAccountKey(
  sql: Sql,
  key: KeyCaps & {
    readonly accountId: bigint;
    readonly name: string;
    readonly secret: string;
    readonly nowMs: bigint;
  },
): Promise<KeyRefusal | 'made'> {
  const { accountId } = key;
  return sql.transaction().execute(async (transaction) => {
    await transaction.selectFrom('accounts').select('id').where('id', '=', accountId).forNoKeyUpdate().execute();
    const { all, valid } = await transaction
      .selectFrom('api_keys')
      .select(({ fn }) => [
        fn.countAll<bigint>().as('all'),
        fn.countAll<bigint>().filterWhere('revoked_at_ms', 'is', null).as('valid'),
      ])
      .where('account_id', '=', accountId)
      .executeTakeFirstOrThrow();
    if (valid >= MAX_VALID_KEYS || all >= MAX_KEYS) return 'too-many';
    await addApiKey(transaction, { ...key, key: key.secret });
    return 'made';
  });
}

/** A valid key of the account, whose row the caller's transaction locks. */
async function lockedKey(transaction: Sql, { accountId, id }: Owned): Promise<KeyHash | undefined> {
  const row = await transaction
    .selectFrom('api_keys')
    .select('key_hash')
    .where('id', '=', id)
    .where('account_id', '=', accountId)
    .where('revoked_at_ms', 'is', null)
    .forNoKeyUpdate()
    .executeTakeFirst();
  return row?.key_hash;
}

/** Changes what is given; null takes a cap away. */
export type KeyChange = {
  readonly name?: string | undefined;
  readonly capDayLamports?: bigint | null | undefined;
  readonly capTotalLamports?: bigint | null | undefined;
};

/**
 * Changes a valid key; its hash, or undefined where there is none. What gateways have set aside under a cap that is lowered they may still spend,
 * until it goes back.
 */
export function changeAccountKey(sql: Sql, change: Owned & KeyChange): Promise<KeyHash | undefined> {
  const { name, capDayLamports, capTotalLamports } = change;
  return sql.transaction().execute(async (transaction) => {
    const keyHash = await lockedKey(transaction, change);
    if (keyHash === undefined) return undefined;
    const set = {
      ...(name === undefined ? {} : { name }),
      ...(capDayLamports === undefined ? {} : { cap_day_lamports: capDayLamports }),
      ...(capTotalLamports === undefined ? {} : { cap_total_lamports: capTotalLamports }),
    };
    if (Object.keys(set).length > 0)
      await transaction.updateTable('api_keys').set(set).where('key_hash', '=', keyHash).execute();
    return keyHash;
  });
}

/** Gives a valid key a new secret, as `rotateApiKey` does; its hash, or why not. */
export function rotateAccountKey(
  sql: Sql,
  options: Owned & { readonly secret: string; readonly overlapMs: bigint; readonly nowMs: bigint },
): Promise<KeyRefusal | KeyHash> {
  return sql.transaction().execute(async (transaction) => {
    const keyHash = await lockedKey(transaction, options);
    if (keyHash === undefined) return 'unknown';
    const { count } = await transaction
      .selectFrom('key_secrets')
      .select((column) => column.fn.countAll<bigint>().as('count'))
      .where('key_hash', '=', keyHash)
      .executeTakeFirstOrThrow();
    if (count >= MAX_SECRETS) return 'too-many';
    await replaceSecret(transaction, { ...options, keyHash });
    return keyHash;
  });
}

/** Ends a valid key; false where there is none. */
export async function revokeAccountKey(sql: Sql, options: Owned & { readonly nowMs: bigint }): Promise<boolean> {
  const { numUpdatedRows } = await sql
    .updateTable('api_keys')
    .set({ revoked_at_ms: options.nowMs })
    .where('id', '=', options.id)
    .where('account_id', '=', options.accountId)
    .where('revoked_at_ms', 'is', null)
    .executeTakeFirstOrThrow();
  return numUpdatedRows === 1n;
}
