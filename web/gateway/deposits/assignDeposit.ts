import { KarmeshError } from '@karmesh/sdk/errors';
import { ledgerAccount } from '../payments/ledger/accountNames.ts';
import { post } from '../payments/ledger/post.ts';
import { findAccount } from '../store/accounts.ts';
import type { Sql } from '../store/db.ts';
import type { Deposit } from './depositStore.ts';

/**
 * Credits what a transaction brought and nobody was named by to an account: the ledger moves it out of `unclaimed`, once. What it is worth was
 * decided when it came.
 *
 * @throws KarmeshError `CONFIG_INVALID` if there is no such deposit or account, if it is somebody's, or worth nothing in lamports.
 */
export function assignDeposit(
  sql: Sql,
  wanted: { readonly signature: string; readonly account: string; readonly nowMs: bigint },
): Promise<readonly Deposit[]> {
  const { account, nowMs, signature } = wanted;
  return sql.transaction().execute(async (transaction) => {
    const { id: accountId } = await findAccount(transaction, account);
    const rows = await transaction
      .selectFrom('deposits')
      .selectAll()
      .where('signature', '=', signature)
      .orderBy('asset')
      .forUpdate()
      .execute();
    const invalid = (sentence: string): KarmeshError => new KarmeshError('CONFIG_INVALID', sentence, { signature });
    if (rows.length === 0) throw invalid('There is no deposit with this signature.');
    const unclaimed = rows.filter((row) => row.account_id === null);
    if (unclaimed.length === 0) throw invalid('This deposit was credited to an account already.');
    const worth = unclaimed.filter(({ lamports }) => lamports > 0n);
    if (worth.length === 0)
      throw invalid('This deposit came when its asset had no rate, so that it is worth nothing in lamports.');
    for (const { asset, lamports } of worth)
      await post(transaction, {
        kind: 'claim',
        reference: `${signature}:${asset}`,
        atMs: nowMs,
        postings: [
          { account: ledgerAccount.unclaimed, lamports: -lamports },
          { account: ledgerAccount.credit(accountId), lamports },
        ],
      });
    await transaction
      .updateTable('deposits')
      .set({ account_id: accountId })
      .where('signature', '=', signature)
      .where('account_id', 'is', null)
      .where('lamports', '>', 0n)
      .execute();
    return worth.map(({ amount, asset, at_ms, lamports }) => ({
      signature,
      asset,
      amount: BigInt(amount),
      lamports,
      accountId,
      atMs: at_ms,
    }));
  });
}
