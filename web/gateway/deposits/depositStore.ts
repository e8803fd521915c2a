import type { Address } from '@karmesh/sdk/program';
import type { DepositAsset, Participant } from '@karmesh/sdk/protocol';
import { ledgerAccount } from '../payments/ledger/accountNames.ts';
import { post } from '../payments/ledger/post.ts';
import { creditPayment, findSentPayment } from '../payments/x402/payments.ts';
import type { Sql } from '../store/db.ts';
import type { Arrival, DepositAddresses } from './arrivals.ts';

/** An announced deposit: whatever comes with its `reference` is credited to the account, at the offer's rate until it expires. */
export type StoredOffer = {
  /** 32 random bytes, which the payment names as an account that it neither signs nor writes. */
  readonly reference: Uint8Array;
  readonly accountId: bigint;
  readonly gateway: Participant;
  readonly asset: DepositAsset;
  /** Lamports for 10^9 base units; 10^9 for SOL. */
  readonly rate: bigint;
  readonly expiresAtMs: bigint;
  readonly createdAtMs: bigint;
};

/** A deposit that is in the ledger. */
export type Deposit = {
  readonly signature: string;
  readonly asset: DepositAsset;
  readonly amount: bigint;
  readonly lamports: bigint;
  /** Undefined where nobody was named by it. */
  readonly accountId: bigint | undefined;
  readonly atMs: bigint;
};

/** Base units that a rate is for. */
export const RATE_UNITS = 1_000_000_000n;
/** Lamports of one deposit at most: more than there are. */
const MAX_LAMPORTS = 2n ** 62n;

export async function addDepositOffer(sql: Sql, offer: StoredOffer): Promise<void> {
  await sql
    .insertInto('deposit_offers')
    .values({
      reference: offer.reference,
      account_id: offer.accountId,
      gateway: offer.gateway,
      asset: offer.asset,
      rate: offer.rate,
      expires_at_ms: offer.expiresAtMs,
      created_at_ms: offer.createdAtMs,
    })
    .execute();
}

/** Offers that an account got after `sinceMs`. */
export async function countOffers(
  sql: Sql,
  wanted: { readonly accountId: bigint; readonly sinceMs: bigint },
): Promise<number> {
  const { count } = await sql
    .selectFrom('deposit_offers')
    .select((column) => column.fn.countAll<bigint>().as('count'))
    .where('account_id', '=', wanted.accountId)
    .where('created_at_ms', '>', wanted.sinceMs)
    .executeTakeFirstOrThrow();
  return Number(count);
}

/** The part of an address's history that is in the ledger: what came after `first` up to `last`, both base58 signatures, or empty where it had no history yet. */
export async function readCursor(
  sql: Sql,
  address: Address,
): Promise<{ readonly first: string; readonly last: string } | undefined> {
  const row = await sql
    .selectFrom('deposit_cursors')
    .select(['first_signature', 'signature'])
    .where('address', '=', address)
    .executeTakeFirst();
  return row === undefined ? undefined : { first: row.first_signature, last: row.signature };
}

/** Begins an address: what came before it was offered to anybody is nobody's deposit. */
export async function beginCursor(
  sql: Sql,
  begun: { readonly address: Address; readonly asset: DepositAsset; readonly signature: string },
): Promise<void> {
  await sql
    .insertInto('deposit_cursors')
    .values({ ...begun, first_signature: begun.signature })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/**
 * Puts what a transaction brought into the ledger, once, and moves the cursor of the address past it, both or neither. An arrival counts for
 * the account whose offer it names, else for the one whose wallet signed it, else for nobody: it then stands in `unclaimed`. `rates` are
 * today's, for arrivals without an offer or after its end; without one for the asset an arrival is nobody's. Gives what was new.
 */
export async function recordArrivals(
  sql: Sql,
  recorded: {
    readonly gateway: Participant;
    readonly addresses: DepositAddresses;
    /** Which of the addresses' histories this is. */
    readonly asset: DepositAsset;
    readonly signature: string;
    readonly arrivals: readonly Arrival[];
    readonly rates: Readonly<Record<DepositAsset, bigint | undefined>>;
    readonly nowMs: bigint;
  },
): Promise<readonly Deposit[]> {
  return sql.transaction().execute(async (transaction) => {
    const added: Deposit[] = [];
    for (const arrival of recorded.arrivals) {
      const deposit = await record(transaction, { ...recorded, arrival });
      if (deposit !== undefined) added.push(deposit);
    }
    const { asset, signature } = recorded;
    await transaction
      .updateTable('deposit_cursors')
      .set({ asset, signature })
      .where('address', '=', recorded.addresses[asset] ?? null)
      .execute();
    return added;
  });
}

async function record(
  transaction: Sql,
  recorded: {
    readonly gateway: Participant;
    readonly addresses: DepositAddresses;
    readonly arrival: Arrival;
    readonly rates: Readonly<Record<DepositAsset, bigint | undefined>>;
    readonly nowMs: bigint;
  },
): Promise<Deposit | undefined> {
  const { arrival, nowMs } = recorded;
  const { signature, asset, amount } = arrival;
  // A payment of x402 was written down before it was sent. It is final now, and credited if nobody heard of it before.
  const payment = await findSentPayment(transaction, signature);
  if (payment !== undefined) {
    if (payment.state === 'settling') await creditPayment(transaction, payment, nowMs);
    return undefined;
  }
  const owner = await ownerOf(transaction, recorded);
  const worth = (amount * (owner?.rate ?? recorded.rates[asset] ?? 0n)) / RATE_UNITS;
  // A rate that makes more lamports than there are was a slip of the operator's.
  const lamports = worth > MAX_LAMPORTS ? 0n : worth;
  const accountId = lamports === 0n ? undefined : owner?.accountId;
  const inserted = await transaction
    .insertInto('deposits')
    .values({
      signature,
      asset,
      amount: amount.toString(),
      lamports,
      account_id: accountId ?? null,
      gateway: recorded.gateway,
      at_ms: nowMs,
      address: recorded.addresses[asset] ?? null,
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning('signature')
    .executeTakeFirst();
  if (inserted === undefined) return undefined;
  const from = asset === 'sol' ? ledgerAccount.depositsSol : ledgerAccount.depositsSpl;
  const to = accountId === undefined ? ledgerAccount.unclaimed : ledgerAccount.credit(accountId);
  if (lamports > 0n)
    await post(transaction, {
      kind: 'deposit',
      reference: `${signature}:${asset}`,
      atMs: nowMs,
      postings: [
        { account: from, lamports: -lamports },
        { account: to, lamports },
      ],
    });
  return { signature, asset, amount, lamports, accountId, atMs: nowMs };
}

/** Whose an arrival is, and at which rate. Two offers, or the wallets of two accounts, in one transaction speak for nobody. */
async function ownerOf(
  transaction: Sql,
  recorded: {
    readonly gateway: Participant;
    readonly arrival: Arrival;
    readonly rates: Readonly<Record<DepositAsset, bigint | undefined>>;
    readonly nowMs: bigint;
  },
): Promise<{ readonly accountId: bigint; readonly rate: bigint } | undefined> {
  const { arrival, rates, nowMs } = recorded;
  const today = rates[arrival.asset];
  const offers = await transaction
    .selectFrom('deposit_offers')
    .select(['account_id', 'rate', 'expires_at_ms'])
    .where('reference', 'in', [...arrival.named])
    .where('asset', '=', arrival.asset)
    .where('gateway', '=', recorded.gateway)
    .execute();
  const [offer] = offers;
  if (offer !== undefined) {
    if (offers.length > 1) return undefined;
    const isInTime = (arrival.blockTimeMs ?? nowMs) <= offer.expires_at_ms;
    const rate = isInTime ? offer.rate : today;
    return rate === undefined ? undefined : { accountId: offer.account_id, rate };
  }
  if (today === undefined) return undefined;
  const [account, ...others] = await transaction
    .selectFrom('accounts')
    .select('id')
    .where('wallet', 'in', [...arrival.signers])
    .execute();
  return account === undefined || others.length > 0 ? undefined : { accountId: account.id, rate: today };
}

/** An account's deposits, the newest first; those that are nobody's unless told whose. */
export async function listDeposits(
  sql: Sql,
  wanted: { readonly accountId: bigint | undefined; readonly limit: number },
): Promise<readonly Deposit[]> {
  const { accountId, limit } = wanted;
  const rows = await sql
    .selectFrom('deposits')
    .selectAll()
    .where('account_id', accountId === undefined ? 'is' : '=', accountId ?? null)
    .orderBy('at_ms', 'desc')
    .orderBy('signature')
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    signature: row.signature,
    asset: row.asset,
    amount: BigInt(row.amount),
    lamports: row.lamports,
    accountId: row.account_id ?? undefined,
    atMs: row.at_ms,
  }));
}
