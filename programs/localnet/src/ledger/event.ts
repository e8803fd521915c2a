import type { Address } from '@solana/kit';
import type { AccountChange } from './account.ts';
import type { InnerInstruction } from './engine.ts';
import type { TokenBalance } from './tokenBalances.ts';
import type { TransactionError } from './transactionError.ts';

/** A finished slot: what SlotHashes and the blockhash book know of it. */
export type Block = {
  readonly slot: number;
  /** Seconds since 1970. */
  readonly unixTimestamp: number;
  /** What SlotHashes shows for the slot, 32 bytes. */
  readonly hash: Uint8Array;
  /** What a transaction may name as its recent blockhash, base58. */
  readonly blockhash: string;
};

/** A transaction that paid its fee, whether it succeeded or failed. */
export type TransactionRecord = {
  readonly signature: string;
  readonly slot: number;
  /** Seconds since 1970. */
  readonly blockTime: number;
  readonly bytes: Uint8Array;
  readonly err: TransactionError | null;
  readonly logs: readonly string[];
  readonly unitsConsumed: number;
  /** Lamports. */
  readonly fee: bigint;
  /** Lamports of every account, static ones first, then those loaded from tables. */
  readonly preBalances: readonly bigint[];
  readonly postBalances: readonly bigint[];
  readonly preTokenBalances: readonly TokenBalance[];
  readonly postTokenBalances: readonly TokenBalance[];
  readonly innerInstructions: readonly (readonly InnerInstruction[])[];
  readonly returnData: { readonly programId: Address; readonly data: Uint8Array } | undefined;
  readonly loadedWritable: readonly Address[];
  readonly loadedReadonly: readonly Address[];
};

export type Checkpoint = {
  readonly slot: number;
  readonly unixTimestamp: number;
  readonly epochStartTimestamp: number;
  readonly transactionCount: number;
  /** Oldest first. */
  readonly blocks: readonly Block[];
};

/**
 * What the write-ahead log holds. `slot` begins a slot and tells what its parent became; `transaction` is one that landed, with
 * what it left of the accounts; `account` and `checkpoint` restate what a longer log before them said.
 */
export type LedgerEvent =
  | { readonly kind: 'slot'; readonly slot: number; readonly unixTimestamp: number; readonly parent: Block }
  | {
      readonly kind: 'transaction';
      readonly record: TransactionRecord;
      readonly changes: readonly AccountChange[];
    }
  | { readonly kind: 'account'; readonly change: AccountChange }
  | { readonly kind: 'checkpoint'; readonly checkpoint: Checkpoint };
