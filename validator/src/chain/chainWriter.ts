import type {
  ClaimPath,
  EscrowAddress,
  Hash,
  KarmaVector,
  ManifestRoots,
  Participant,
  Report,
  SumPath,
} from '@karmesh/sdk/protocol';

type Signalled = { readonly signal: AbortSignal };

/**
 * The transactions of a validator (P-12 to P-22), signed by its identity. Each resolves with the signature once it is confirmed.
 *
 * @throws KarmeshError `PROGRAM_ERROR` with the program's error name in `facts.error`, `TRANSACTION_FAILED`, `RPC_UNREACHABLE`, `ABORTED`.
 */
export interface ChainWriter {
  closeEpoch(roots: ManifestRoots, options: Signalled): Promise<string>;
  attest(
    vote: { readonly epoch: bigint; readonly manifestHash: Hash; readonly saltHash: Hash },
    options: Signalled,
  ): Promise<string>;
  revealSalt(vote: { readonly epoch: bigint; readonly salt: Hash }, options: Signalled): Promise<string>;
  recordBeacon(epoch: bigint, options: Signalled): Promise<string>;
  postVerdicts(
    posted: { readonly epoch: bigint; readonly verdictsRoot: Hash; readonly verdictCount: number },
    options: Signalled,
  ): Promise<string>;
  postRoot(
    vote: { readonly epoch: bigint; readonly seal: Hash; readonly attempt: number },
    options: Signalled,
  ): Promise<string>;
  revealRoot(
    vote: { readonly epoch: bigint; readonly report: Report; readonly salt: Hash },
    options: Signalled,
  ): Promise<string>;
  settleEscrow(settled: SettleEscrow, options: Signalled): Promise<string>;
  finalise(epoch: bigint, options: Signalled): Promise<string>;
  claim(claimed: Claim, options: Signalled): Promise<string>;
  /** The rent goes back to whose identity paid it, which may be an older one. */
  closeVote(vote: { readonly epoch: bigint; readonly payer: Uint8Array }, options: Signalled): Promise<string>;
}

/** P-19: one leaf of the settlements tree with its path. */
export interface SettleEscrow {
  readonly epoch: bigint;
  readonly escrow: EscrowAddress;
  readonly index: number;
  readonly cumulativeAfter: bigint;
  readonly debit: bigint;
  readonly path: SumPath;
}

/** P-21: one leaf of the lifetime tree with its path in the claims tree (T-06). */
export interface Claim {
  readonly epoch: bigint;
  readonly participant: Participant;
  readonly owner: Uint8Array;
  readonly index: number;
  readonly lifetime: KarmaVector;
  readonly lifetimeOwed: bigint;
  readonly receiptsRoot: Hash;
  readonly path: ClaimPath;
}
