/** M-07: an escrow's `authorised` that stands for as much as it holds, without vouchers: 2^64 - 1. */
export const STANDING_AUTHORISATION = 0xffff_ffff_ffff_ffffn;

/** An escrow's account as far as it says what can be paid from it, in lamports. */
export interface EscrowMoney {
  /** What lies above rent. */
  readonly balance: bigint;
  /** M-07: up to which cumulative debit the buyer has signed. */
  readonly authorised: bigint;
  readonly cumulativeDebit: bigint;
}

/** M-02: lamports that an escrow can pay: what it holds, and no more than its buyer authorised beyond what was debited. */
export function escrowAvailable({ balance, authorised, cumulativeDebit }: EscrowMoney): bigint {
  const left = authorised > cumulativeDebit ? authorised - cumulativeDebit : 0n;
  return balance < left ? balance : left;
}
