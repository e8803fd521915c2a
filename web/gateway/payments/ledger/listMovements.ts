import type { Sql } from '../../store/db.ts';

/** What a movement has added to one account of the ledger. */
export type AccountMovement = {
  readonly id: bigint;
  readonly kind: string;
  readonly reference: string;
  readonly atMs: bigint;
  readonly lamports: bigint;
};

/** The movements of an account of the ledger, the newest first: at most `limit` of those before the movement `before`. */
export async function listMovements(
  sql: Sql,
  wanted: { readonly account: string; readonly before?: bigint | undefined; readonly limit: number },
): Promise<readonly AccountMovement[]> {
  const { account, before, limit } = wanted;
  const rows = await sql
    .selectFrom('postings')
    .innerJoin('movements', 'movements.id', 'postings.movement_id')
    .select(['movements.id', 'kind', 'reference', 'at_ms', 'lamports'])
    .where('account', '=', account)
    .$if(before !== undefined, (query) => query.where('movement_id', '<', before ?? 0n))
    .orderBy('movement_id', 'desc')
    .limit(limit)
    .execute();
  return rows.map(({ id, kind, reference, at_ms, lamports }) => ({ id, kind, reference, atMs: at_ms, lamports }));
}
