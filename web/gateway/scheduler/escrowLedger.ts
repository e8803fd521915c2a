import { KarmeshError } from '@karmesh/sdk/errors';
import { type EscrowAddress, type EscrowMoney, escrowAvailable } from '@karmesh/sdk/protocol';
import { pricesByEpoch } from '../store/entries.ts';
import type { Db } from '../store/openDatabase.ts';
import type { MarketChain } from './marketChain.ts';

export type EscrowLedger = {
  /**
   * Sets lamports of the escrow aside; disposing gives them back.
   *
   * @throws KarmeshError `ESCROW_SHORT` when what is left cannot pay for it.
   */
  reserve(lamports: bigint): Disposable;
  /** Lamports that the next request could still be paid from; 0 without an account. */
  available(): bigint;
  /** Counts the price of an entry that is on disk. */
  spend(priced: { readonly epoch: bigint; readonly price: bigint }): void;
};

/**
 * What the gateway's escrow can still pay. The chain debits it epochs later, so what is available there overstates; a request that the escrow
 * could not pay would cheat the workers of their share (M-02).
 */
export async function openEscrowLedger(parts: {
  readonly db: Db;
  readonly escrow: EscrowAddress;
  readonly chain: Pick<MarketChain, 'escrow' | 'lastFinalisedEpoch'>;
}): Promise<EscrowLedger> {
  const { chain, escrow } = parts;
  const prices = new Map((await pricesByEpoch(parts.db, escrow)).map(({ epoch, price }) => [epoch, price]));
  let reserved = 0n;

  /** Two bounds hold: all that was priced and not debited, and what was priced in epochs whose entries may still be settled. */
  const unsettled = (cumulativeDebit: bigint): bigint => {
    const from = chain.lastFinalisedEpoch() ?? 0n;
    let all = -cumulativeDebit;
    let recent = 0n;
    for (const [epoch, price] of prices) {
      all += price;
      // An entry may stand in the set of the epoch after its own.
      if (epoch >= from) recent += price;
    }
    return all < 0n ? 0n : all < recent ? all : recent;
  };

  const leftOf = (account: EscrowMoney): bigint =>
    escrowAvailable(account) - unsettled(account.cumulativeDebit) - reserved;

  return {
    available() {
      const account = chain.escrow(escrow);
      return account === undefined ? 0n : leftOf(account);
    },
    reserve(lamports) {
      const account = chain.escrow(escrow);
      if (account === undefined)
        throw new KarmeshError('ESCROW_SHORT', 'The gateway has no escrow account that could pay for requests.');
      const available = leftOf(account);
      if (available < lamports) {
        throw new KarmeshError('ESCROW_SHORT', "The gateway's escrow cannot pay for this request at present.", {
          available,
          needed: lamports,
        });
      }
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
