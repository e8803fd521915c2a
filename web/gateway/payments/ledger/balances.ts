import { atOneMoment } from '../../store/atOneMoment.ts';
import type { Sql } from '../../store/db.ts';
import type { Posting } from './post.ts';

/** Lamports in an account of the ledger; 0 if nothing was ever posted to it. */
export async function balanceOf(sql: Sql, account: string): Promise<bigint> {
  const row = await sql.selectFrom('balances').select('lamports').where('account', '=', account).executeTakeFirst();
  return row?.lamports ?? 0n;
}

/** All accounts whose name begins with `prefix`, in the order of their names. */
export async function balances(sql: Sql, prefix = ''): Promise<readonly Posting[]> {
  const rows = await sql.selectFrom('balances').selectAll().orderBy('account').execute();
  return rows.filter(({ account }) => account.startsWith(prefix));
}

export type LedgerFault = {
  readonly account: string;
  /** What is kept as its balance. */
  readonly kept: bigint;
  /** What its postings sum to. */
  readonly posted: bigint;
};

export type LedgerCheck = {
  readonly movements: bigint;
  readonly postings: bigint;
  /** Balances that are not what their postings sum to. */
  readonly faults: readonly LedgerFault[];
  /** What all postings sum to: 0, or the ledger is wrong. */
  readonly sum: bigint;
};

/** Recomputes every balance from the postings, as they are at one moment. */
export function recompute(sql: Sql): Promise<LedgerCheck> {
  return atOneMoment(sql, async (transaction) => {
    const posted = await transaction
      .selectFrom('postings')
      .select((column) => [
        'account',
        column.cast<bigint>(column.fn.sum('lamports'), 'bigint').as('lamports'),
        column.fn.countAll<bigint>().as('count'),
      ])
      .groupBy('account')
      .execute();
    const kept = new Map((await balances(transaction)).map(({ account, lamports }) => [account, lamports]));
    const sums = new Map(posted.map(({ account, lamports }) => [account, lamports]));
    const { movements } = await transaction
      .selectFrom('movements')
      .select((column) => column.fn.countAll<bigint>().as('movements'))
      .executeTakeFirstOrThrow();
    const faults = [...new Set([...kept.keys(), ...sums.keys()])].sort().flatMap((account) => {
      const fault = { account, kept: kept.get(account) ?? 0n, posted: sums.get(account) ?? 0n };
      return fault.kept === fault.posted ? [] : [fault];
    });
    return {
      movements,
      postings: posted.reduce((sum, { count }) => sum + count, 0n),
      faults,
      sum: posted.reduce((sum, { lamports }) => sum + lamports, 0n),
    };
  });
}
