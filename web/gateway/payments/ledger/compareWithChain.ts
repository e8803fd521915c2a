import { KarmeshError } from '@karmesh/sdk/errors';
import { type Address, toBase58 } from '@karmesh/sdk/program';
import type { DepositAsset, EscrowAddress } from '@karmesh/sdk/protocol';
import { arrivalsOf } from '../../deposits/arrivals.ts';
import type { DepositHistory } from '../../deposits/watchDeposits.ts';
import { atOneMoment } from '../../store/atOneMoment.ts';
import type { Sql } from '../../store/db.ts';
import type { LedgerDifference } from './ledgerDifference.ts';

/** What a cluster says, as of what is final. */
export type LedgerChain = {
  readonly history: DepositHistory;
  /** Lamports that an escrow ever paid; undefined where there is no such account any more. */
  cumulativeDebit(escrow: EscrowAddress): Promise<bigint | undefined>;
  /** Undefined before there is one. */
  lastFinalisedEpoch(): Promise<bigint | undefined>;
};

/** An escrow, in lamports. */
export type EscrowStanding = {
  /** Base58. */
  readonly escrow: string;
  /** The prices of all entries that it pays for. */
  readonly priced: bigint;
  /** Of these, what the chain took; undefined where the account is closed. */
  readonly debited: bigint | undefined;
  /** Of these, the prices in epochs that are not final yet. */
  readonly open: bigint;
};

export type ChainComparison = {
  readonly escrows: readonly EscrowStanding[];
  /** Transactions of the history of the deposit addresses that were compared. */
  readonly transactions: number;
  readonly differences: readonly LedgerDifference[];
};

const PAGE = 1_000;
/** After all that there is. */
const FAR_MS = 2n ** 63n - 1n;

/**
 * Compares the ledger with the cluster. No escrow has paid more than the entries of final epochs cost; what it has paid less was passed over, or
 * is settled later. Every transfer to a deposit address since it was first looked at is in the ledger with its amount, and nothing else is.
 *
 * Nothing stands still meanwhile, so the order keeps false alarms out: what a chain has taken is read before the entries that it may have taken it for, which are
 * stored before any other sees them; and the history of an address is read up to where the ledger says that it is.
 *
 * @throws KarmeshError `RPC_UNREACHABLE`, `RPC_FAILED`, also where the node's history does not reach back so far, `ABORTED`; `STORE_FAILED`.
 */
export async function compareWithChain(
  sql: Sql,
  chain: LedgerChain,
  options: {
    /** The program that pays a gateway its share, whose transactions are no deposits. */
    readonly ignored: readonly Address[];
    /** Of the history of each deposit address so many transactions are compared, the newest; all unless told. */
    readonly newest?: number;
  },
): Promise<ChainComparison> {
  const escrows = await compareEscrows(sql, chain);
  const deposits = await compareDeposits(sql, chain.history, options);
  return {
    escrows,
    transactions: deposits.transactions,
    differences: [...escrows.flatMap(overdrawn), ...deposits.differences],
  };
}

function overdrawn({ debited = 0n, escrow, open, priced }: EscrowStanding): readonly LedgerDifference[] {
  const final = priced - open;
  return debited > final ? [{ check: 'escrow', about: escrow, ledger: final, found: debited }] : [];
}

async function compareEscrows(sql: Sql, chain: LedgerChain): Promise<readonly EscrowStanding[]> {
  const known = await sql.selectFrom('entries').select('escrow').distinct().execute();
  const debits = new Map<string, bigint | undefined>();
  for (const { escrow } of known) debits.set(toBase58(escrow), await chain.cumulativeDebit(escrow));
  const lastFinalised = (await chain.lastFinalisedEpoch()) ?? -1n;
  const priced = await sql
    .selectFrom('entries')
    .select((column) => [
      'escrow',
      column.cast<bigint>(column.fn.sum('price'), 'bigint').as('all'),
      column
        .cast<bigint>(
          column.fn.coalesce(column.fn.sum('price').filterWhere('epoch', '>', lastFinalised), column.val(0)),
          'bigint',
        )
        .as('open'),
    ])
    .groupBy('escrow')
    .execute();
  return priced.flatMap(({ all, escrow, open }) => {
    const name = toBase58(escrow);
    // One whose first entry came just now is compared the next time.
    return debits.has(name) ? [{ escrow: name, priced: all, debited: debits.get(name), open }] : [];
  });
}

async function compareDeposits(
  sql: Sql,
  history: DepositHistory,
  { ignored, newest = Number.POSITIVE_INFINITY }: Parameters<typeof compareWithChain>[2],
): Promise<Pick<ChainComparison, 'transactions' | 'differences'>> {
  const cursors = await atOneMoment(sql, async (transaction) => {
    const rows = await transaction.selectFrom('deposit_cursors').selectAll().execute();
    return Promise.all(rows.map(async (row) => ({ ...row, deposits: await depositsAt(transaction, row.address) })));
  });
  const differences: LedgerDifference[] = [];
  let transactions = 0;
  for (const { address, asset, deposits, first_signature: first, signature: last } of cursors) {
    // Not looked at since the tables know what it holds.
    if (asset === null) continue;
    const listed = await signaturesBetween(history, { address, first, last, most: newest });
    transactions += listed.signatures.length;
    for (const about of listed.signatures) {
      const ledger = deposits.get(about)?.amount ?? (await paidBy(sql, about));
      const found = await broughtBy(history, { signature: about, address, asset, ignored });
      if (ledger !== found) differences.push({ check: 'deposit-on-chain', about, ledger, found });
    }
    const isListed = new Set(listed.signatures);
    const oldest = listed.signatures.findLast((signature) => deposits.has(signature));
    const sinceMs = listed.isWhole ? 0n : (deposits.get(oldest ?? '')?.atMs ?? FAR_MS);
    for (const [about, { amount, atMs }] of deposits)
      if (atMs >= sinceMs && !isListed.has(about))
        differences.push({ check: 'deposit-on-chain', about, ledger: amount, found: 0n });
  }
  return { transactions, differences };
}

/** What the tables have of an address, by transaction, in lamports or base units. */
async function depositsAt(
  sql: Sql,
  address: Address,
): Promise<ReadonlyMap<string, { readonly amount: bigint; readonly atMs: bigint }>> {
  const rows = await sql
    .selectFrom('deposits')
    .select(['signature', 'amount', 'at_ms'])
    .where('address', '=', address)
    .execute();
  return new Map(rows.map(({ amount, at_ms, signature }) => [signature, { amount: BigInt(amount), atMs: at_ms }]));
}

/** What a payment of x402 brought, which was written down before it was sent. */
async function paidBy(sql: Sql, signature: string): Promise<bigint> {
  const row = await sql
    .selectFrom('x402_payments')
    .select('base_units')
    .where('signature', '=', signature)
    .where('state', '=', 'credited')
    .executeTakeFirst();
  return row?.base_units ?? 0n;
}

/** At most `most` transactions of an address after `first` up to `last`, the newest first, but for those that failed. Each is empty where the address had no history yet. */
async function signaturesBetween(
  history: DepositHistory,
  asked: { readonly address: Address; readonly first: string; readonly last: string; readonly most: number },
): Promise<{ readonly signatures: readonly string[]; readonly isWhole: boolean }> {
  const { address, first, last, most } = asked;
  if (last === first) return { signatures: [], isWhole: true };
  const until = first === '' ? undefined : first;
  const found: { readonly signature: string; readonly hasFailed: boolean }[] = [];
  let [from, isWhole] = [-1, false];
  while (!isWhole && (from < 0 || found.length - from < most)) {
    const page = await history.signatures(address, { before: found.at(-1)?.signature, until, limit: PAGE });
    found.push(...page);
    isWhole = page.length < PAGE;
    if (from < 0) from = found.findIndex(({ signature }) => signature === last);
  }
  if (from < 0)
    throw new KarmeshError(
      'RPC_FAILED',
      'The RPC node does not know the last transaction that deposits were read from.',
      {
        address: toBase58(address),
        signature: last,
      },
    );
  const compared = found.slice(from, from + most);
  return {
    signatures: compared.filter(({ hasFailed }) => !hasFailed).map(({ signature }) => signature),
    isWhole: isWhole && from + compared.length === found.length,
  };
}

/** What a transaction brought to an address. */
async function broughtBy(
  history: DepositHistory,
  asked: {
    readonly signature: string;
    readonly address: Address;
    readonly asset: DepositAsset;
    readonly ignored: readonly Address[];
  },
): Promise<bigint> {
  const { address, asset, signature } = asked;
  const transaction = await history.transaction(signature);
  if (transaction === null)
    throw new KarmeshError('RPC_FAILED', 'The RPC node lists a transaction and does not have it.', { signature });
  const ignored = new Set(asked.ignored.map(toBase58));
  return arrivalsOf(transaction, { sol: address, token: asset === 'token' ? address : undefined })
    .filter((arrival) => arrival.asset === asset && !arrival.named.some((name) => ignored.has(toBase58(name))))
    .reduce((sum, { amount }) => sum + amount, 0n);
}
