import type { Sql } from '../store/db.ts';

/**
 * Lamports that gateways have set aside for requests of an account's keys, by the id of the key; who has nothing set aside is not in it. It is what requests under way may cost, and what is
 * left of a block for the next ones until it goes back.
 */
export async function heldOf(sql: Sql, accountId: bigint): Promise<ReadonlyMap<string, bigint>> {
  const rows = await sql
    .selectFrom('allowances')
    .innerJoin('api_keys', 'api_keys.key_hash', 'allowances.key_hash')
    .select((column) => ['id', column.cast<bigint>(column.fn.sum('lamports'), 'bigint').as('lamports')])
    .where('account_id', '=', accountId)
    .groupBy('id')
    .execute();
  return new Map(rows.map(({ id, lamports }) => [id, lamports]));
}
