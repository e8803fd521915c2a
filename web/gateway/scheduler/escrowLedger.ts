import { KarmeshError } from '@karmesh/sdk/errors';
import { type EscrowAddress, type EscrowMoney, escrowAvailable } from '@karmesh/sdk/protocol';
import { pricesByEpoch } from '../store/entries.ts';
import type { Db } from '../store/openDatabase.ts';
import type { MarketChain } from './marketChain.ts';

export type EscrowLedger = {
  /**
   * Sets lamports of the escrow aside; disposing gives them back.
   *
   * @throws KarmeshError `ESCROW_SHORT` when what is left cannot pay for it, and of a buyer's own `CREDIT_SHORT`, or `VOUCHER_SHORT` with the sum that is
   * `needed` when it holds enough and the voucher does not cover it.
   */
  reserve(lamports: bigint): Disposable;
  /** Throws as `reserve` would, and sets nothing aside. */
  check(lamports: bigint): void;
  /** Lamports that the next request could still be paid from; 0 without an account. */
  available(): bigint;
  /**
   * M-07: what the chain must be told that it may debit in all, for what was priced and may still settle, of the epochs before `beforeEpoch` alone
   * where that is told; undefined without an account.
   */
  owed(beforeEpoch?: bigint): bigint | undefined;
  /** Counts the price of an entry that is on disk. */
  spend(priced: { readonly epoch: bigint; readonly price: bigint }): void;
};

/**
 * What an escrow can still pay for requests of this gateway. The chain debits it epochs later, so what is available there overstates; a request that the
 * escrow could not pay would cheat the workers of their share (M-02).
 */
export async function openEscrowLedger(parts: {
  readonly db: Db;
  readonly escrow: EscrowAddress;
  readonly chain: Pick<MarketChain, 'escrow' | 'lastFinalisedEpoch'>;
  /** M-07: up to what its buyer's greatest voucher goes, of an escrow that pays for its buyer alone. */
  readonly voucher?: () => bigint;
}): Promise<EscrowLedger> {
  const { chain, escrow, voucher } = parts;
  const prices = new Map((await pricesByEpoch(parts.db, escrow)).map(({ epoch, price }) => [epoch, price]));
  let reserved = 0n;

  /** Two bounds hold: all that was priced and not debited, and what was priced in epochs whose entries may still be settled. */
  const unsettled = (cumulativeDebit: bigint, beforeEpoch?: bigint): bigint => {
    const from = chain.lastFinalisedEpoch() ?? 0n;
    let all = -cumulativeDebit;
    let recent = 0n;
    for (const [epoch, price] of prices) {
      if (beforeEpoch !== undefined && epoch >= beforeEpoch) continue;
      all += price;
      // An entry may stand in the set of the epoch after its own.
      if (epoch >= from) recent += price;
    }
    return all < 0n ? 0n : all < recent ? all : recent;
  };

  /** M-07: what the chain was shown, or what it can be shown. */
  const authorisedOf = ({ authorised }: EscrowMoney): bigint => {
    const signed = voucher?.() ?? 0n;
    return signed > authorised ? signed : authorised;
  };

  const takenFrom = (account: EscrowMoney): bigint => unsettled(account.cumulativeDebit) + reserved;

  const leftOf = (account: EscrowMoney): bigint =>
    escrowAvailable({ ...account, authorised: authorisedOf(account) }) - takenFrom(account);

  const check = (lamports: bigint): void => {
    const account = chain.escrow(escrow);
    if (account === undefined)
      throw new KarmeshError('ESCROW_SHORT', 'There is no escrow account that could pay for requests.');
    const available = leftOf(account);
    if (available >= lamports) return;
    if (voucher !== undefined && account.balance >= takenFrom(account) + lamports)
      throw new KarmeshError('VOUCHER_SHORT', 'This request needs a voucher over more.', {
        needed: account.cumulativeDebit + takenFrom(account) + lamports,
        known: authorisedOf(account),
      });
    const facts = { available, needed: lamports };
    if (voucher !== undefined)
      throw new KarmeshError('CREDIT_SHORT', 'Your escrow cannot pay for this request at present.', facts);
    throw new KarmeshError('ESCROW_SHORT', "The gateway's escrow cannot pay for this request at present.", facts);
  };

  return {
    check,
    available() {
      const account = chain.escrow(escrow);
      return account === undefined ? 0n : leftOf(account);
    },
    owed(beforeEpoch) {
      const account = chain.escrow(escrow);
      if (account === undefined) return undefined;
      return account.cumulativeDebit + unsettled(account.cumulativeDebit, beforeEpoch);
    },
    reserve(lamports) {
      check(lamports);
      reserved += lamports;
      let held = true;
      return {
        [Symbol.dispose]() {
          if (held) reserved -= lamports;
          held = false;
        },
      };
    },
    spend({ epoch, price }) {
      prices.set(epoch, (prices.get(epoch) ?? 0n) + price);
    },
  };
}
