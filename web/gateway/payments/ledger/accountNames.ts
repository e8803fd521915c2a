import { toBase58 } from '@karmesh/sdk/program';
import type { Participant } from '@karmesh/sdk/protocol';

/**
 * The accounts of the ledger. A balance of `credit` is what a buyer has left; deposits and grants are what it came from, and stand below zero by as
 * much. `settlement` is what the chain will debit from a gateway's escrow, `margin` what lies between that and its buyers' bills.
 */
export const ledgerAccount = {
  credit: (accountId: bigint): string => `credit:${accountId}`,
  depositsSol: 'deposits:sol',
  depositsSpl: 'deposits:spl',
  /** Deposits that name no account. */
  unclaimed: 'unclaimed',
  granted: 'granted',
  settlement: (gateway: Participant): string => `settlement:${toBase58(gateway)}`,
  margin: (gateway: Participant): string => `margin:${toBase58(gateway)}`,
  fees: 'fees',
} as const;
