import type { Domain } from '../protocol/header.ts';
import { type Voucher, voucherRecord } from '../protocol/records.ts';
import { type Signed, signRecord } from '../protocol/signature.ts';
import type { Signer } from '../signer.ts';

/**
 * M-07: a buyer's word that all debits of its escrow together may come to `cumulative` lamports. Whoever holds it can show it to
 * the chain (`redeemVoucher`); a greater one stands for it. A buyer counts from the escrow's `cumulativeDebit`, and a debit that
 * it has not paid for yet on top.
 */
export function signVoucher(options: {
  readonly domain: Domain;
  /** The escrow's buyer. */
  readonly signer: Signer;
  readonly escrow: Uint8Array;
  readonly cumulative: bigint;
}): Signed<Voucher> {
  const { escrow, cumulative, ...context } = options;
  return signRecord(voucherRecord, context, { escrow, cumulative });
}
