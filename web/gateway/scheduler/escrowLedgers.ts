import { type EscrowAddress, toHex } from '@karmesh/sdk/protocol';
import type { Db } from '../store/db.ts';
import { type EscrowLedger, openEscrowLedger } from './escrowLedger.ts';
import type { MarketChain } from './marketChain.ts';

export type EscrowLedgers = {
  /** Of the escrow that pays for credits. */
  readonly own: EscrowLedger;
  /** Of any escrow; its own unless told. */
  of(escrow?: EscrowAddress): Promise<EscrowLedger>;
  /** That of an escrow that was asked for before. */
  opened(escrow: EscrowAddress): EscrowLedger | undefined;
};

/**
 * What escrows can still pay: the gateway's own, and those of buyers who pay by voucher. One of these is read from the database when it is asked for
 * first, which is before any request of it is dispatched.
 */
export async function openEscrowLedgers(parts: {
  readonly db: Db;
  /** The gateway's own. */
  readonly escrow: EscrowAddress;
  readonly chain: Pick<MarketChain, 'escrow' | 'lastFinalisedEpoch'>;
  /** M-07: up to what the greatest voucher of an escrow goes. */
  readonly voucherOf: (escrow: EscrowAddress) => bigint;
}): Promise<EscrowLedgers> {
  const { voucherOf } = parts;
  const own = await openEscrowLedger(parts);
  const opened = new Map<string, EscrowLedger>([[toHex(parts.escrow), own]]);
  const opening = new Map<string, Promise<EscrowLedger>>();
  const open = async (escrow: EscrowAddress): Promise<EscrowLedger> => {
    const name = toHex(escrow);
    try {
      const ledger = await openEscrowLedger({ ...parts, escrow, voucher: () => voucherOf(escrow) });
      opened.set(name, ledger);
      return ledger;
    } finally {
      opening.delete(name);
    }
  };
  return {
    own,
    async of(escrow = parts.escrow) {
      const name = toHex(escrow);
      const known = opened.get(name);
      if (known !== undefined) return known;
      const coming = opening.get(name) ?? open(escrow);
      opening.set(name, coming);
      return coming;
    },
    opened: (escrow) => opened.get(toHex(escrow)),
  };
}
