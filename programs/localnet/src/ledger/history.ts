import type { Address } from '@solana/kit';
import { maxBlockhashAge } from './blocks.ts';
import type { TransactionRecord } from './event.ts';
import { parseTransaction } from './wireTransaction.ts';

export type HistoryOptions = {
  /** How many transactions are kept, newest first to stay. */
  readonly maxTransactions: number;
};

/** The transactions that landed, found by signature and by the accounts that they name. */
export type History = {
  get(signature: string): TransactionRecord | undefined;
  has(signature: string): boolean;
  /** Newest first. */
  naming(address: Address): readonly TransactionRecord[];
  add(record: TransactionRecord): void;
  /** Oldest first. */
  all(): Iterable<TransactionRecord>;
};

/** Every account that a transaction names, those loaded from tables included. */
export function accountKeysOf(record: TransactionRecord): readonly Address[] {
  const { message } = parseTransaction(record.bytes);
  return [...message.accountKeys, ...record.loadedWritable, ...record.loadedReadonly];
}

/** Removing is done for this many at a time, so that the lists per account are walked rarely. */
const removeAtOnce = 1_000;

export function createHistory({ maxTransactions }: HistoryOptions): History {
  const bySignature = new Map<string, TransactionRecord>();
  const byAddress = new Map<Address, string[]>();

  const removeOldest = (newestSlot: number): void => {
    const removed = new Set<string>();
    const addresses = new Set<Address>();
    for (const [signature, record] of bySignature) {
      // A signature whose blockhash may still be valid is what stops the transaction from landing twice.
      if (removed.size >= removeAtOnce || record.slot >= newestSlot - maxBlockhashAge) break;
      removed.add(signature);
      for (const address of accountKeysOf(record)) addresses.add(address);
      bySignature.delete(signature);
    }
    for (const address of addresses) {
      const left = (byAddress.get(address) ?? []).filter((signature) => !removed.has(signature));
      if (left.length === 0) byAddress.delete(address);
      else byAddress.set(address, left);
    }
  };

  return {
    get: (signature) => bySignature.get(signature),
    has: (signature) => bySignature.has(signature),
    naming: (address) =>
      (byAddress.get(address) ?? []).toReversed().flatMap((signature) => bySignature.get(signature) ?? []),
    add: (record) => {
      bySignature.set(record.signature, record);
      for (const address of new Set(accountKeysOf(record))) {
        const list = byAddress.get(address) ?? [];
        list.push(record.signature);
        byAddress.set(address, list);
      }
      if (bySignature.size >= maxTransactions + removeAtOnce) removeOldest(record.slot);
    },
    all: () => bySignature.values(),
  };
}
