import type { LedgerEvent } from '../ledger/event.ts';

/** Where a ledger's events become durable. */
export type LedgerStore = AsyncDisposable & {
  /** What was durable when the store was opened, oldest first. */
  recovered(): AsyncIterable<readonly LedgerEvent[]>;
  /**
   * Makes the events durable, all of them or none.
   *
   * @throws KarmeshError `DISK_FULL` (the store stays usable) or `STORE_FAILED`.
   */
  append(events: readonly LedgerEvent[]): Promise<void>;
  /** Whether the log has grown so much that restating the state is due. */
  checkpointDue(): boolean;
  /** Replaces the log by events that restate the state. If that fails the old log goes on, and the error is returned. */
  checkpoint(events: Iterable<LedgerEvent>): Promise<Error | undefined>;
};

/** A store that forgets with the process, for tests and throw-away clusters. */
export function memoryStore(): LedgerStore {
  return {
    async *recovered() {},
    append: async () => {},
    checkpointDue: () => false,
    checkpoint: async () => undefined,
    [Symbol.asyncDispose]: async () => {},
  };
}
