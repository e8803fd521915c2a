import { equalBytes, toHex } from '@karmesh/sdk/protocol';
import { sql as fragment } from 'kysely';
import { type KeyHash, utcDay } from '../store/apiKeys.ts';
import type { Db } from '../store/db.ts';
import type { PurseKey } from './charges.ts';

/** What bounds a key: the credit of its account with its limit, or a cap of its own. */
export type SpendingBound = 'credit' | 'cap-day' | 'cap-total';

/** What a gateway has of a key before a change, and what it asks for in it. */
export type AllowanceChange = {
  readonly key: PurseKey;
  /** What stays of its allowance: what it had, less what is billed or given back in the same transaction. */
  readonly kept: bigint;
  /** What the requests that wait need beyond that; 0 to take nothing. */
  readonly needed: bigint;
};

export type Granted = {
  readonly lamports: bigint;
  /** What the key could spend if nothing were set aside for it anywhere, and what bounds that. */
  readonly headroom: bigint;
  readonly bound: SpendingBound;
};

/**
 * Locks the accounts of keys that ask and the rows of all keys of a transaction, in one order everywhere, so that no two wait for each other;
 * foreign keys of new rows do not wait for it.
 */
export async function lockKeys(
  { sql }: Db,
  keys: { readonly asking: readonly PurseKey[]; readonly all: readonly KeyHash[] },
): Promise<void> {
  const accountIds = [...new Set(keys.asking.map(({ accountId }) => accountId))];
  if (accountIds.length > 0)
    await sql
      .selectFrom('accounts')
      .select('id')
      .where('id', 'in', accountIds)
      .orderBy('id')
      .forNoKeyUpdate()
      .execute();
  if (keys.all.length > 0)
    await sql
      .selectFrom('api_keys')
      .select('key_hash')
      .where('key_hash', 'in', [...keys.all])
      .orderBy('key_hash')
      .forNoKeyUpdate()
      .execute();
}

/**
 * Takes what is needed out of keys, with a block beyond it where there is plenty, and stores every allowance that changes as what it comes to, so
 * that a repetition changes nothing. What is set aside for an account never exceeds its credit and limit, nor what is set aside for a
 * key its caps. Runs in the caller's transaction after `lockKeys` and after what it bills.
 */
export async function changeAllowances(
  db: Db,
  changes: readonly AllowanceChange[],
  options: { readonly blockLamports: bigint; readonly nowMs: bigint },
): Promise<readonly Granted[]> {
  const today = utcDay(options.nowMs);
  // In this order: a charge that another gateway closes in between is then counted twice for a moment, and not never.
  const held = await readHeld(db, changes);
  const bounds = await readBounds(db, changes, today);
  const granted = changes.map(({ key, needed }): Granted => {
    const found = bounds.get(toHex(key.keyHash));
    if (needed === 0n || found === undefined) return { lamports: 0n, headroom: 0n, bound: 'credit' };
    const { account, name } = { account: accountName(key), name: keyName(key) };
    const heldOf = (of: string): bigint => held.get(of) ?? 0n;
    const free = least(found.map(({ headroom, bound }) => headroom - heldOf(bound === 'credit' ? account : name)));
    const spare = free > needed ? (free - needed) / SHARE : 0n;
    const lamports = free < needed ? (free > 0n ? free : 0n) : needed + least([options.blockLamports, spare]);
    held.set(account, heldOf(account) + lamports).set(name, heldOf(name) + lamports);
    const headroom = least(found.map((each) => each.headroom));
    return { lamports, headroom, bound: found.find((each) => each.headroom === headroom)?.bound ?? 'credit' };
  });
  await storeAllowances(
    db,
    changes.map(({ key, kept }, at) => ({ keyHash: key.keyHash, lamports: kept + (granted[at]?.lamports ?? 0n) })),
  );
  return granted;
}

/** A block takes at most this part of what is left, so that other gateways find some. */
const SHARE = 4n;

const accountName = ({ accountId }: Pick<PurseKey, 'accountId'>): string => `account ${accountId}`;
const keyName = ({ keyHash }: Pick<PurseKey, 'keyHash'>): string => `key ${toHex(keyHash)}`;
const least = (amounts: readonly bigint[]): bigint => amounts.reduce((a, b) => (a < b ? a : b));

type Bound = { readonly bound: SpendingBound; readonly headroom: bigint };

/** What each key that asks could spend if nothing were set aside, by its key hash in hexadecimal digits. */
async function readBounds(
  { sql }: Db,
  changes: readonly AllowanceChange[],
  today: bigint,
): Promise<ReadonlyMap<string, readonly Bound[]>> {
  const asking = changes.filter(({ needed }) => needed > 0n).map(({ key }) => key.keyHash);
  if (asking.length === 0) return new Map();
  const rows = await sql
    .selectFrom('api_keys')
    .innerJoin('accounts', 'accounts.id', 'api_keys.account_id')
    .leftJoin('balances', (join) => join.on('balances.account', '=', fragment<string>`'credit:' || accounts.id`))
    .select([
      'key_hash',
      'credit_limit_lamports',
      'balances.lamports as balance',
      'cap_day_lamports',
      'cap_total_lamports',
      'spent_day',
      'spent_day_lamports',
      'spent_total_lamports',
    ])
    .where('key_hash', 'in', asking)
    .execute();
  return new Map(
    rows.map((row) => {
      const bounds: Bound[] = [{ bound: 'credit', headroom: (row.balance ?? 0n) + row.credit_limit_lamports }];
      if (row.cap_total_lamports !== null)
        bounds.push({ bound: 'cap-total', headroom: row.cap_total_lamports - row.spent_total_lamports });
      if (row.cap_day_lamports !== null) {
        const spent = row.spent_day < today ? 0n : row.spent_day_lamports;
        bounds.push({ bound: 'cap-day', headroom: row.cap_day_lamports - spent });
      }
      return [toHex(row.key_hash), bounds];
    }),
  );
}

/** What is set aside for each account that pays for an asking key, and for each key of it, once the changes are made that are not grants. */
async function readHeld({ sql, gateway }: Db, changes: readonly AllowanceChange[]): Promise<Map<string, bigint>> {
  const held = new Map<string, bigint>();
  const accountIds = [...new Set(changes.filter(({ needed }) => needed > 0n).map(({ key }) => key.accountId))];
  if (accountIds.length === 0) return held;
  const hold = (key: PurseKey, lamports: bigint): void => {
    for (const name of [accountName(key), keyName(key)]) held.set(name, (held.get(name) ?? 0n) + lamports);
  };
  const changing = new Set(changes.map(({ key }) => keyName(key)));
  const rows = await sql
    .selectFrom('allowances')
    .innerJoin('api_keys', 'api_keys.key_hash', 'allowances.key_hash')
    .select(['allowances.key_hash', 'account_id', 'gateway', 'lamports'])
    .where('account_id', 'in', accountIds)
    .execute();
  for (const row of rows) {
    const key = { keyHash: row.key_hash, accountId: row.account_id };
    if (!(equalBytes(row.gateway, gateway) && changing.has(keyName(key)))) hold(key, row.lamports);
  }
  for (const { key, kept } of changes) hold(key, kept);
  return held;
}

async function storeAllowances(
  { sql, gateway }: Db,
  allowances: readonly { readonly keyHash: KeyHash; readonly lamports: bigint }[],
): Promise<void> {
  const [none, some] = [
    allowances.filter(({ lamports }) => lamports === 0n),
    allowances.filter(({ lamports }) => lamports !== 0n),
  ];
  if (none.length > 0) {
    await sql
      .deleteFrom('allowances')
      .where('gateway', '=', gateway)
      .where(
        'key_hash',
        'in',
        none.map(({ keyHash }) => keyHash),
      )
      .execute();
  }
  if (some.length > 0) {
    await sql
      .insertInto('allowances')
      .values(some.map(({ keyHash, lamports }) => ({ gateway, key_hash: keyHash, lamports })))
      .onConflict((conflict) =>
        conflict
          .columns(['gateway', 'key_hash'])
          .doUpdateSet((column) => ({ lamports: column.ref('excluded.lamports') })),
      )
      .execute();
  }
}
