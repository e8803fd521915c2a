import { sql as fragment, type RawBuilder } from 'kysely';
import { atOneMoment } from '../../store/atOneMoment.ts';
import type { Sql } from '../../store/db.ts';
import { ledgerAccount } from './accountNames.ts';
import { balances, recompute } from './balances.ts';
import type { LedgerDifference } from './ledgerDifference.ts';

/** What is shown of each kind of difference at most. */
const MOST = 100;
/** The greatest number of its type: a limit may be that much. */
const MAX = fragment.raw('9223372036854775807');

export type BooksCheck = {
  readonly movements: bigint;
  readonly postings: bigint;
  readonly differences: readonly LedgerDifference[];
};

/**
 * Recomputes the ledger, as it is at one moment: every balance from its postings, and what was posted from the charges, entries, deposits and allowances that it
 * stands for. It changes nothing and nobody waits for it.
 */
export function checkBooks(sql: Sql): Promise<BooksCheck> {
  return atOneMoment(sql, async (transaction) => {
    const { faults, movements, postings, sum } = await recompute(transaction);
    const differences: LedgerDifference[] = faults
      .slice(0, MOST)
      .map(({ account, kept, posted }) => ({ check: 'balance', about: account, ledger: kept, found: posted }));
    if (sum !== 0n) differences.push({ check: 'sum', about: 'all postings', ledger: sum, found: 0n });
    for (const [check, query] of Object.entries(QUERIES)) {
      const { rows } = await query.execute(transaction);
      differences.push(...rows.map((row) => ({ check: check as keyof typeof QUERIES, ...row })));
    }
    differences.push(...(await checkSettlements(transaction)));
    return { movements, postings, differences };
  });
}

/** What is posted to a gateway's settlement is what its closed charges settle. */
async function checkSettlements(transaction: Sql): Promise<readonly LedgerDifference[]> {
  const { rows } = await fragment<{ gateway: Uint8Array; settled: bigint }>`
    select gateway, sum(settled_lamports)::bigint as settled from charges where state = 'closed' group by gateway
  `.execute(transaction);
  const settled = new Map(rows.map((row): [string, bigint] => [ledgerAccount.settlement(row.gateway), row.settled]));
  const kept = new Map(
    (await balances(transaction, 'settlement:')).map(({ account, lamports }): [string, bigint] => [account, lamports]),
  );
  return [...new Set([...settled.keys(), ...kept.keys()])].flatMap((about) => {
    const [ledger, found] = [kept.get(about) ?? 0n, settled.get(about) ?? 0n];
    return ledger === found ? [] : [{ check: 'settlement' as const, about, ledger, found }];
  });
}

type Row = Omit<LedgerDifference, 'check'>;
const rowsOf = (query: RawBuilder<unknown>): RawBuilder<Row> => fragment<Row>`${query} limit ${MOST}`;

/** Each finds what is wrong, by name: what the ledger has, and what it should have. */
const QUERIES = {
  // The database refuses these when they are posted.
  movement: rowsOf(fragment`
    select movements.kind || ' ' || movements.reference as about, sum(lamports)::bigint as ledger, 0::bigint as found
    from movements join postings on postings.movement_id = movements.id
    group by movements.id having sum(lamports) <> 0`),
  // What a charge bills is what was posted for it.
  charge: rowsOf(fragment`
    select encode(charges.request_id, 'hex') as about, coalesce(-postings.lamports, 0) as ledger, charges.lamports as found
    from charges
      left join movements on movements.kind = 'charge' and movements.reference = encode(charges.request_id, 'hex')
      left join postings on postings.movement_id = movements.id and postings.account = 'credit:' || charges.account_id
    where charges.state = 'closed' and coalesce(-postings.lamports, 0) <> charges.lamports`),
  // What it settles is the price of its entry, and every entry that an escrow of the gateway's pays for has one.
  entry: rowsOf(fragment`
    select encode(request_id, 'hex') as about, settled as ledger, price as found from (
      select charges.request_id, charges.settled_lamports as settled, coalesce(entries.price, 0) as price
      from charges left join entries on entries.request_id = charges.request_id
      where charges.state = 'closed' and charges.settled_lamports <> coalesce(entries.price, 0)
      union all
      select entries.request_id, 0::bigint, entries.price
      from entries
        left join charges on charges.request_id = entries.request_id
        left join paying_escrows on paying_escrows.escrow = entries.escrow
      where entries.price > 0 and charges.request_id is null and paying_escrows.escrow is null
    ) as differing`),
  // What came in is what was posted for it, and nothing was posted that did not.
  deposit: rowsOf(fragment`
    select about, posted as ledger, brought as found from (
      select coalesce(came.reference, movements.reference) as about, coalesce(-postings.lamports, 0) as posted,
        coalesce(came.lamports, 0) as brought
      from (
        select 'deposit' as kind, signature || ':' || asset as reference, lamports from deposits
        union all
        select 'x402', signature, lamports from x402_payments where state = 'credited'
      ) as came
        full join (select * from movements where kind in ('deposit', 'x402')) as movements
          on movements.kind = came.kind and movements.reference = came.reference
        left join postings on postings.movement_id = movements.id and postings.account like 'deposits:%'
    ) as compared
    where posted <> brought`),
  // What gateways have set aside is never more than there is.
  allowance: rowsOf(fragment`
    select 'credit:' || accounts.id as about, held.lamports as ledger, least(coalesce(balances.lamports, 0)::numeric + credit_limit_lamports, ${MAX})::bigint as found
    from (
      select account_id, sum(allowances.lamports)::bigint as lamports
      from allowances join api_keys on api_keys.key_hash = allowances.key_hash group by account_id
    ) as held
      join accounts on accounts.id = held.account_id
      left join balances on balances.account = 'credit:' || accounts.id
    where held.lamports > coalesce(balances.lamports, 0)::numeric + credit_limit_lamports`),
  // A cap may be lowered below what was spent.
  cap: rowsOf(fragment`
    select api_keys.name as about, spent_total_lamports + held.lamports as ledger, cap_total_lamports as found
    from api_keys
      join (select key_hash, sum(lamports)::bigint as lamports from allowances group by key_hash) as held
        on held.key_hash = api_keys.key_hash
    where held.lamports > 0 and spent_total_lamports + held.lamports > cap_total_lamports`),
};
