import { type EscrowAddress, escrowAvailable, type ManifestBody, type Participant } from '@karmesh/sdk/protocol';

/** An escrow's account as the manifest's table needs it. Lamports; `balance` is what lies above rent. */
export interface EscrowFacts {
  readonly address: EscrowAddress;
  readonly gateway: Participant;
  readonly balance: bigint;
  readonly cumulativeDebit: bigint;
  /** M-07. */
  readonly authorised: bigint;
  readonly withdrawAmount: bigint;
  /** Undefined: no request. */
  readonly withdrawAfterEpoch: bigint | undefined;
  /** Undefined: never settled. */
  readonly lastSettledEpoch: bigint | undefined;
}

export type EscrowRow = ManifestBody['escrows'][number];

/**
 * M-02: what an escrow can pay for an epoch's set: its balance without a requested withdrawal that may be paid before the epoch
 * settles, and no more than its buyer authorised beyond what was debited. A request that waits for this epoch or a later one cannot be (P-11), and a new one waits for a later one (P-10).
 */
export function escrowRow(escrow: EscrowFacts, epoch: bigint): EscrowRow {
  const { withdrawAfterEpoch, withdrawAmount, balance, authorised, cumulativeDebit } = escrow;
  const reserved = withdrawAfterEpoch !== undefined && withdrawAfterEpoch < epoch ? withdrawAmount : 0n;
  return {
    escrow: escrow.address,
    gateway: escrow.gateway,
    available: escrowAvailable({
      balance: balance > reserved ? balance - reserved : 0n,
      authorised,
      cumulativeDebit,
    }),
    cumulativeDebit,
  };
}

/**
 * M-02, as an attester sees a listed row later. `unseen`: it promises more than this validator sees, counting back what has been
 * settled since; a deposit or a voucher may be younger than the last look. `short`: it promises less than was there when the epoch ended
 * (`atEnd`, where this validator saw it), which would leave workers unpaid: deposits and vouchers only add.
 */
export function judgeEscrowRow(check: {
  readonly listed: EscrowRow;
  readonly now: EscrowRow;
  readonly atEnd: EscrowRow | undefined;
}): 'holds' | 'unseen' | 'short' {
  const { listed, now, atEnd } = check;
  const settledSince = now.cumulativeDebit - listed.cumulativeDebit;
  if (settledSince < 0n || listed.available > now.available + settledSince) return 'unseen';
  if (atEnd === undefined) return 'holds';
  const settledBefore = listed.cumulativeDebit - atEnd.cumulativeDebit;
  return settledBefore >= 0n && listed.available + settledBefore >= atEnd.available ? 'holds' : 'short';
}
