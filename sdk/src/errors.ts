/** Every code that a `KarmeshError` can carry. Each has an anchor of the same name, in lower case, in docs/errors.md. */
export type KarmeshErrorCode =
  | 'BAD_ARGUMENT'
  | 'CONFIG_INVALID'
  | 'KEYPAIR_INVALID'
  | 'KEYPAIR_MODE'
  | 'CODEC'
  | 'MODEL_INVALID'
  | 'MODEL_UNKNOWN'
  | 'CONTEXT_OVERFLOW'
  | 'REQUEST_REFUSED'
  | 'GATEWAY_REFUSED'
  | 'PROGRAM_ENDED'
  | 'ENGINE_FAILED'
  | 'PROOF_FAILED'
  | 'QUEUE_FULL'
  | 'QUEUE_SHARE_FULL'
  | 'WORKER_TIMEOUT'
  | 'WORKER_FAILED'
  | 'WORKER_PAUSED'
  | 'PEER_UNREACHABLE'
  | 'MESSAGE_TOO_LARGE'
  | 'PROTOCOL_VIOLATION'
  | 'NO_QUORUM'
  | 'NO_WORKERS'
  | 'NO_PROOFS'
  | 'ESCROW_SHORT'
  | 'VOUCHER_SHORT'
  | 'VOUCHER_EXCESSIVE'
  | 'CREDIT_SHORT'
  | 'CREDIT_HELD'
  | 'LEDGER_WRONG'
  | 'STORE_LOCKED'
  | 'STORE_FAILED'
  | 'STORE_UNREACHABLE'
  | 'DISK_FULL'
  | 'RPC_UNREACHABLE'
  | 'RPC_FAILED'
  | 'GENESIS_MISMATCH'
  | 'EPOCH_FORGOTTEN'
  | 'PROGRAM_MISMATCH'
  | 'TRANSACTION_FAILED'
  | 'PROGRAM_ERROR'
  | 'STAKE_REFUSED'
  | 'VOTE_REFUSED'
  | 'DEPLOY_REFUSED'
  | 'DEPLOY_STALLED'
  | 'BUNDLE_INVALID'
  | 'SLASHING_PROTECTION'
  | 'DOPPELGANGER'
  | 'CEREMONY_REFUSED'
  | 'ABORTED';

/** The values that an error shows beside its sentence. Never a key, a prompt or an answer. */
export type ErrorFacts = Readonly<Record<string, string | number | bigint | boolean | undefined>>;

/** An error that a person can act on: a full sentence, the facts that carry the numbers, and where the docs explain it. */
export class KarmeshError extends Error {
  readonly code: KarmeshErrorCode;
  readonly facts: ErrorFacts;

  constructor(code: KarmeshErrorCode, sentence: string, facts: ErrorFacts = {}, cause?: unknown) {
    super(sentence, cause === undefined ? undefined : { cause });
    this.name = 'KarmeshError';
    this.code = code;
    this.facts = facts;
  }

  /** The place in docs/errors.md that says what causes this error and what to do. */
  get docs(): string {
    return `docs/errors.md#${this.code.toLowerCase()}`;
  }
}
