import { createHash } from 'node:crypto';
import { KarmeshError } from '@karmesh/sdk/errors';
import { toBase58 } from '@karmesh/sdk/program';
import type { Participant } from '@karmesh/sdk/protocol';
import { addSilentKey, type FoundKey, type KeyHash } from '../../store/apiKeys.ts';
import type { Sql } from '../../store/db.ts';
import { ledgerAccount } from '../ledger/accountNames.ts';
import { post } from '../ledger/post.ts';

export type Payment = {
  /** SHA-256 of the transaction's message. */
  readonly messageHash: Uint8Array;
  /** Base58. */
  readonly signature: string;
  /** The payer's. */
  readonly wallet: Uint8Array;
  readonly baseUnits: bigint;
  readonly lamports: bigint;
  /** Of the transaction, base58: once it has expired the transaction cannot land. */
  readonly blockhash: string;
};

export type PaymentState = 'settling' | 'credited' | 'failed';

export type StoredPayment = Payment & {
  readonly state: PaymentState;
  readonly isUsed: boolean;
  readonly createdAtMs: bigint;
};

/** Writes a payment down before it is settled; false if it was written before. */
export async function addPayment(
  sql: Sql,
  payment: Payment & { readonly gateway: Participant; readonly nowMs: bigint },
): Promise<boolean> {
  const added = await sql
    .insertInto('x402_payments')
    .values({
      message_hash: payment.messageHash,
      gateway: payment.gateway,
      signature: payment.signature,
      wallet: payment.wallet,
      base_units: payment.baseUnits,
      lamports: payment.lamports,
      blockhash: payment.blockhash,
      state: 'settling',
      is_used: false,
      created_at_ms: payment.nowMs,
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning('signature')
    .executeTakeFirst();
  return added !== undefined;
}

export async function findPayment(sql: Sql, messageHash: Uint8Array): Promise<StoredPayment | undefined> {
  const row = await sql
    .selectFrom('x402_payments')
    .selectAll()
    .where('message_hash', '=', messageHash)
    .executeTakeFirst();
  return row === undefined ? undefined : storedPayment(row);
}

/** The payment that a transaction is, unless it was given up. */
export async function findSentPayment(sql: Sql, signature: string): Promise<StoredPayment | undefined> {
  const row = await sql
    .selectFrom('x402_payments')
    .selectAll()
    .where('signature', '=', signature)
    .where('state', '<>', 'failed')
    .executeTakeFirst();
  return row === undefined ? undefined : storedPayment(row);
}

/** What a gateway sent and has not heard of. */
export async function settlingPayments(sql: Sql, gateway: Participant): Promise<readonly StoredPayment[]> {
  const rows = await sql
    .selectFrom('x402_payments')
    .selectAll()
    .where('gateway', '=', gateway)
    .where('state', '=', 'settling')
    .execute();
  return rows.map(storedPayment);
}

const storedPayment = (row: {
  readonly message_hash: Uint8Array;
  readonly signature: string;
  readonly wallet: Uint8Array;
  readonly base_units: bigint;
  readonly lamports: bigint;
  readonly blockhash: string;
  readonly state: PaymentState;
  readonly is_used: boolean;
  readonly created_at_ms: bigint;
}): StoredPayment => ({
  messageHash: row.message_hash,
  signature: row.signature,
  wallet: row.wallet,
  baseUnits: row.base_units,
  lamports: row.lamports,
  blockhash: row.blockhash,
  state: row.state,
  isUsed: row.is_used,
  createdAtMs: row.created_at_ms,
});

/**
 * Credits a payment that has landed to its payer's account, once however often it is called. Runs in the caller's transaction, if it has one.
 *
 * @throws KarmeshError `BAD_ARGUMENT` for a payment that was marked as failed: if it landed all the same, it is a deposit.
 */
export function creditPayment(sql: Sql, payment: Payment, nowMs: bigint): Promise<FoundKey> {
  const credit = async (transaction: Sql): Promise<FoundKey> => {
    const { lamports, messageHash, signature } = payment;
    const { numUpdatedRows } = await transaction
      .updateTable('x402_payments')
      .set({ state: 'credited' })
      .where('message_hash', '=', messageHash)
      .where('state', '<>', 'failed')
      .executeTakeFirstOrThrow();
    if (numUpdatedRows === 0n)
      throw new KarmeshError('BAD_ARGUMENT', 'A payment that failed is not credited.', { signature });
    const key = await keyOfWallet(transaction, payment.wallet, nowMs);
    await post(transaction, {
      kind: 'x402',
      reference: signature,
      atMs: nowMs,
      postings: [
        { account: ledgerAccount.depositsSpl, lamports: -lamports },
        { account: ledgerAccount.credit(key.accountId), lamports },
      ],
    });
    return key;
  };
  return sql.isTransaction ? credit(sql) : sql.transaction().execute(credit);
}

/** The key that a credited payment's requests were asked with. */
export async function keyOfPayment(sql: Sql, messageHash: Uint8Array): Promise<FoundKey | undefined> {
  const row = await sql
    .selectFrom('x402_payments')
    .innerJoin('accounts', 'accounts.wallet', 'x402_payments.wallet')
    .select(['accounts.id', 'x402_payments.wallet'])
    .where('message_hash', '=', messageHash)
    .where('state', '=', 'credited')
    .executeTakeFirst();
  return row === undefined ? undefined : { keyHash: keyHashOf(row.wallet), accountId: row.id };
}

const keyHashOf = (wallet: Uint8Array): KeyHash => new Uint8Array(createHash('sha256').update(nameOf(wallet)).digest());
const nameOf = (wallet: Uint8Array): string => `x402:${toBase58(wallet)}`;

/** The payment failed on chain or cannot land any more: it never pays for anything. */
export async function failPayment(sql: Sql, messageHash: Uint8Array): Promise<void> {
  await sql
    .updateTable('x402_payments')
    .set({ state: 'failed' })
    .where('message_hash', '=', messageHash)
    .where('state', '=', 'settling')
    .execute();
}

/** Takes a credited payment for one answer; false if another request has it. */
export async function usePayment(sql: Sql, messageHash: Uint8Array): Promise<boolean> {
  const { numUpdatedRows } = await sql
    .updateTable('x402_payments')
    .set({ is_used: true })
    .where('message_hash', '=', messageHash)
    .where('state', '=', 'credited')
    .where('is_used', '=', false)
    .executeTakeFirstOrThrow();
  return numUpdatedRows === 1n;
}

/** The request that took the payment had no answer: it may be asked again. What it costs comes out of the credit, which pays once. */
export async function returnPayment(sql: Sql, messageHash: Uint8Array): Promise<void> {
  await sql.updateTable('x402_payments').set({ is_used: false }).where('message_hash', '=', messageHash).execute();
}

/**
 * The account that a wallet stands for, made if there is none, and its key for paid requests. Nobody can present that key, since it has no
 * secret, unless the operator rotates it to hand its credit out.
 */
async function keyOfWallet(transaction: Sql, wallet: Uint8Array, nowMs: bigint): Promise<FoundKey> {
  const name = nameOf(wallet);
  await transaction
    .insertInto('accounts')
    .values({ name, wallet, credit_limit_lamports: 0n, created_at_ms: nowMs })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const { id: accountId } = await transaction
    .selectFrom('accounts')
    .select('id')
    .where('wallet', '=', wallet)
    .executeTakeFirstOrThrow();
  const keyHash = keyHashOf(wallet);
  await addSilentKey(transaction, { keyHash, accountId, name: 'x402', nowMs });
  return { keyHash, accountId };
}
