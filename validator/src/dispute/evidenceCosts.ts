import { ACCOUNT_SIZE } from '@karmesh/sdk/program';

/** Lamports for each signature of a transaction, those that the Ed25519 program checks among them. */
const FEE = 5_000n;

/** Rent of an account that nobody gets back. */
function rentOf(bytes: number): bigint {
  return 6_960n * BigInt(128 + bytes);
}

/** Lamports that a step costs for good. Rents of findings and buffers come back and are not counted. */
export const EVIDENCE_COSTS = {
  fee: FEE,
  showTwice: 3n * FEE + rentOf(ACCOUNT_SIZE.case),
  showFault: FEE + rentOf(ACCOUNT_SIZE.fault),
  accuse: FEE + rentOf(ACCOUNT_SIZE.case),
} as const;
