import { KarmeshError } from '@karmesh/sdk/errors';
import { sql as fragment } from 'kysely';
import type { Sql } from '../../store/db.ts';

export type Posting = { readonly account: string; readonly lamports: bigint };

/** Money that moves between accounts of the ledger: postings that sum to zero. One `reference` moves once for each `kind`. */
export type Movement = {
  readonly kind: 'grant' | 'charge' | 'claim' | 'deposit' | 'x402';
  readonly reference: string;
  readonly atMs: bigint;
  readonly postings: readonly Posting[];
};

/**
 * Posts a movement, or changes nothing if it was posted before; says which. Runs in the caller's transaction, if it has one, at whose end
 * the database refuses postings that do not sum to zero.
 *
 * @throws KarmeshError `BAD_ARGUMENT` if its reference was posted with other postings.
 */
export async function post(sql: Sql, movement: Movement): Promise<boolean> {
  const postAlone = (transaction: Sql) => postAll(transaction, [movement]);
  const posted = sql.isTransaction ? await postAlone(sql) : await sql.transaction().execute(postAlone);
  if (posted === 1) return true;
  const known = await sql
    .selectFrom('postings')
    .innerJoin('movements', 'movements.id', 'postings.movement_id')
    .select(['account', 'lamports'])
    .where('kind', '=', movement.kind)
    .where('reference', '=', movement.reference)
    .execute();
  const { kind, reference } = movement;
  if (fingerprint(known) !== fingerprint(movement.postings))
    throw new KarmeshError('BAD_ARGUMENT', 'This reference has moved other money before.', { kind, reference });
  return false;
}

const fingerprint = (postings: readonly Posting[]): string =>
  postings
    .filter(({ lamports }) => lamports !== 0n)
    .map(({ account, lamports }) => `${account} ${lamports}`)
    .sort()
    .join('\n');

/** Posts those of the movements that were not posted before, in the caller's transaction; how many there were. Postings of zero are left out. */
export async function postAll(transaction: Sql, movements: readonly Movement[]): Promise<number> {
  if (movements.length === 0) return 0;
  // A column each, so that the statements are as long for a thousand movements as for one.
  const { rows: inserted } = await fragment<{ id: bigint; kind: string; reference: string }>`
    insert into movements (kind, reference, at_ms)
    select * from unnest(
      ${movements.map(({ kind }) => kind)}::text[],
      ${movements.map(({ reference }) => reference)}::text[],
      ${movements.map(({ atMs }) => atMs)}::bigint[]
    )
    on conflict do nothing
    returning id, kind, reference
  `.execute(transaction);
  const ids = new Map(inserted.map(({ id, kind, reference }) => [`${kind} ${reference}`, id]));
  const rows = movements.flatMap(({ kind, reference, postings }) => {
    const id = ids.get(`${kind} ${reference}`);
    return id === undefined
      ? []
      : postings
          .filter(({ lamports }) => lamports !== 0n)
          .map(({ account, lamports }) => ({ movement_id: id, account, lamports }));
  });
  if (rows.length === 0) return inserted.length;
  await fragment`
    insert into postings (movement_id, account, lamports)
    select * from unnest(
      ${rows.map(({ movement_id }) => movement_id)}::bigint[],
      ${rows.map(({ account }) => account)}::text[],
      ${rows.map(({ lamports }) => lamports)}::bigint[]
    )
  `.execute(transaction);
  await addToBalances(transaction, rows);
  return inserted.length;
}

async function addToBalances(transaction: Sql, postings: readonly Posting[]): Promise<void> {
  const sums = new Map<string, bigint>();
  for (const { account, lamports } of postings) sums.set(account, (sums.get(account) ?? 0n) + lamports);
  await transaction
    .insertInto('balances')
    // In one order everywhere, so that no two transactions wait for each other.
    .values([...sums].sort(([a], [b]) => (a < b ? -1 : 1)).map(([account, lamports]) => ({ account, lamports })))
    .onConflict((conflict) =>
      conflict.column('account').doUpdateSet({ lamports: fragment`balances.lamports + excluded.lamports` }),
    )
    .execute();
}
