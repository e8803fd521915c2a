import { KarmeshError } from '@karmesh/sdk/errors';
import type { Sql } from './db.ts';

/** Who pays for the operator's own keys; made with the tables. */
const OPERATOR = 'operator';

/** `walletAddress` is the Solana address that stands for the account, if one does; its credit may go `creditLimitLamports` below zero. */
export type Account = {
  readonly id: bigint;
  readonly name: string;
  readonly walletAddress: Uint8Array | undefined;
  readonly creditLimitLamports: bigint;
  readonly createdAtMs: bigint;
};

/**
 * Makes an account.
 *
 * @throws KarmeshError `CONFIG_INVALID` if its name or its wallet is taken.
 */
export async function addAccount(sql: Sql, account: Omit<Account, 'id'>): Promise<Account> {
  const added = await sql
    .insertInto('accounts')
    .values({
      name: account.name,
      wallet: account.walletAddress ?? null,
      credit_limit_lamports: account.creditLimitLamports,
      created_at_ms: account.createdAtMs,
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning('id')
    .executeTakeFirst();
  if (added === undefined)
    throw new KarmeshError('CONFIG_INVALID', 'There is an account of this name or wallet already.', {
      name: account.name,
    });
  return { ...account, id: added.id };
}

/** @throws KarmeshError `CONFIG_INVALID` if there is none. */
export async function findAccount(sql: Sql, name: string): Promise<Account> {
  const row = await sql.selectFrom('accounts').selectAll().where('name', '=', name).executeTakeFirst();
  if (row === undefined) throw new KarmeshError('CONFIG_INVALID', 'There is no account of this name.', { name });
  return accountOf(row);
}

/** The account of a key; there is one for every key. */
export async function accountById(sql: Sql, id: bigint): Promise<Account> {
  return accountOf(await sql.selectFrom('accounts').selectAll().where('id', '=', id).executeTakeFirstOrThrow());
}

export const operatorAccount = (sql: Sql): Promise<Account> => findAccount(sql, OPERATOR);

export async function listAccounts(sql: Sql): Promise<readonly Account[]> {
  return (await sql.selectFrom('accounts').selectAll().orderBy('id').execute()).map(accountOf);
}

const accountOf = (row: {
  readonly id: bigint;
  readonly name: string;
  readonly wallet: Uint8Array | null;
  readonly credit_limit_lamports: bigint;
  readonly created_at_ms: bigint;
}): Account => ({
  id: row.id,
  name: row.name,
  walletAddress: row.wallet ?? undefined,
  creditLimitLamports: row.credit_limit_lamports,
  createdAtMs: row.created_at_ms,
});
