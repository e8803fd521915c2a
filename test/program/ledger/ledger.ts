import type { RawAccount } from '@karmesh/sdk/program';
import type { Keypair } from '@karmesh/sdk/runtime';
import type { TransactionInstruction } from '@solana/web3.js';

/** What a transaction that ran left behind. */
export interface Ran {
  readonly logs: readonly string[];
  /** Compute units of the whole transaction. */
  readonly computeUnits: bigint;
}

/** A cluster as the program's tests need it: the same tests run in process, against localnet, against a real validator and against any RPC node. */
export interface Ledger extends AsyncDisposable {
  readonly kind: 'litesvm' | 'localnet' | 'validator' | 'live';
  /** Where the program is. */
  readonly programId: Uint8Array;
  /** The 32 bytes that `initialise` stores. */
  readonly genesis: Uint8Array;
  /** Runs one transaction, paid by the first signer. Throws `PROGRAM_ERROR` or `TRANSACTION_FAILED`. */
  send(instructions: readonly TransactionInstruction[], signers: readonly Keypair[]): Promise<Ran>;
  account(address: Uint8Array): Promise<RawAccount | undefined>;
  /** The slot that the next transaction runs in, or a later one. */
  slot(): Promise<bigint>;
  /** Returns when `slot` has been reached. */
  untilSlot(slot: bigint): Promise<void>;
  fund(address: Uint8Array, lamports: bigint): Promise<void>;
  /** Lamports that an account of `bytes` must keep. */
  rent(bytes: number): Promise<bigint>;
}
