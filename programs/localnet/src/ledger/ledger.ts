import { randomBytes } from 'node:crypto';
import { KarmeshError } from '@karmesh/sdk/errors';
import type { Logger } from '@karmesh/sdk/runtime';
import type { Address } from '@solana/kit';
import { toBase58 } from '../base58.ts';
import { plain } from '../plainBytes.ts';
import type { Genesis } from '../store/genesis.ts';
import type { LedgerStore } from '../store/ledgerStore.ts';
import { type Account, type AccountChange, sameAccount } from './account.ts';
import { type Accounts, createAccounts } from './accounts.ts';
import { type Blocks, createBlocks } from './blocks.ts';
import { type Engine, type Execution, slotsPerSolanaEpoch } from './engine.ts';
import type { Checkpoint, LedgerEvent, TransactionRecord } from './event.ts';
import { createFaucet, type Faucet, faucetLamports } from './faucet.ts';
import { createHistory, type History } from './history.ts';
import { landTransaction, nameMissingProgram } from './landTransaction.ts';
import { loadedAddresses } from './lookupTables.ts';
import type { TransactionError } from './transactionError.ts';
import { verifySignatures } from './verifySignatures.ts';
import { clockSysvar, loaderV3, slotHashesSysvar, systemProgram } from './wellKnown.ts';
import type { WireTransaction } from './wireTransaction.ts';

export type LedgerOptions = {
  /** How many transactions `getTransaction` and its like remember. */
  readonly maxTransactions: number;
};

export type LedgerParts = {
  readonly engine: Engine;
  readonly store: LedgerStore;
  readonly genesis: Genesis;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly log: Pick<Logger, 'error' | 'info'>;
  readonly onStage?: ((stage: LedgerStage) => void) | undefined;
};

/** Points of a batch of transactions: executed and in memory only; durable, and nobody knows. */
export type LedgerStage = 'executed' | 'durable';

/** `landed`: paid its fee and is durable, whether it succeeded or failed. `dropped`: left nothing, as a leader drops it. */
export type Submitted =
  | { readonly kind: 'landed'; readonly record: TransactionRecord }
  | { readonly kind: 'dropped'; readonly err: TransactionError };

/** What became durable. */
export type LedgerUpdate =
  | { readonly kind: 'slot'; readonly slot: number; readonly parent: number }
  | {
      readonly kind: 'transaction';
      readonly record: TransactionRecord;
      readonly changes: readonly AccountChange[];
    };

/**
 * A cluster of one that never forks: what is durable is final. Reads show durable state only, so that nothing that a client was
 * told can be lost.
 */
export type Ledger = AsyncDisposable & {
  readonly genesis: Genesis;
  readonly faucet: Faucet;
  readonly accounts: Pick<Accounts, 'get' | 'ownedBy'>;
  readonly blocks: Pick<Blocks, 'at' | 'all' | 'isValid'>;
  readonly history: Pick<History, 'get' | 'naming'>;
  /** The slot that is being filled. */
  slot(): number;
  unixTimestamp(): number;
  transactionCount(): number;
  latestBlockhash(): { readonly blockhash: string; readonly lastValidBlockHeight: number };
  rentExemptMinimum(dataBytes: number): bigint;
  /** Why a transaction would not even be executed, or undefined. */
  refusal(transaction: WireTransaction, checks: { readonly signatures: boolean }): TransactionError | undefined;
  simulate(transaction: WireTransaction): { readonly execution: Execution; readonly changes: readonly AccountChange[] };
  /**
   * Executes a transaction and resolves once its outcome is on disk.
   *
   * @throws KarmeshError `DISK_FULL` or `STORE_FAILED`: then it had no effect. `QUEUE_FULL`, `ABORTED`.
   */
  submit(transaction: WireTransaction): Promise<Submitted>;
  /** Ends the slot and begins the next; resolves to its number once that is on disk. */
  advance(): Promise<number>;
  subscribe(listener: (update: LedgerUpdate) => void): () => void;
};

type Job =
  | { readonly kind: 'slot'; resolve(slot: number): void; reject(cause: unknown): void }
  | {
      readonly kind: 'transaction';
      readonly transaction: WireTransaction;
      resolve(submitted: Submitted): void;
      reject(cause: unknown): void;
    };

type Batch = {
  readonly events: LedgerEvent[];
  /** What each account was before the batch, to undo it. */
  readonly before: Map<Address, Account | undefined>;
  readonly signatures: Set<string>;
  readonly commits: (() => void)[];
  readonly failures: ((cause: unknown) => void)[];
  bytes: number;
};

const maxQueuedJobs = 10_000;
const maxBatchEvents = 256;
const maxBatchBytes = 8 * 2 ** 20;

/** Opens a ledger: a fresh cluster, then everything that its store says happened. */
export const openLedger =
  ({ maxTransactions }: LedgerOptions) =>
  async ({ engine, store, genesis, now, log, onStage }: LedgerParts): Promise<Ledger> => {
    const accounts = createAccounts();
    const history = createHistory({ maxTransactions });
    const faucet = createFaucet(genesis.faucetSeed);
    let blocks = createBlocks();
    let slot = 0;
    let unixTimestamp = genesis.createdAt;
    let epochStartTimestamp = genesis.createdAt;
    let transactionCount = 0;
    const listeners = new Set<(update: LedgerUpdate) => void>();
    const jobs: Job[] = [];
    let pumping: Promise<void> | undefined;
    let closed = false;

    const begin = (): void => {
      for (const { id, elf } of genesis.programs) engine.addProgram(id, elf);
      const funds = { lamports: faucetLamports, data: new Uint8Array(), owner: systemProgram, executable: false };
      engine.setAccount({ address: faucet.address, account: funds });
      accounts.addGenesis({ address: faucet.address, account: funds });
      for (const change of engine.genesisAccounts()) accounts.addGenesis(change);
    };

    const replay = (event: LedgerEvent): void => {
      if (event.kind === 'slot') {
        blocks.push(event.parent);
        enterSlot(event.slot, event.unixTimestamp);
      } else if (event.kind === 'transaction') {
        for (const change of event.changes) accounts.apply(change);
        history.add(event.record);
        transactionCount += 1;
      } else if (event.kind === 'account') {
        accounts.apply(event.change);
      } else {
        blocks = createBlocks();
        for (const block of event.checkpoint.blocks) blocks.push(block);
        ({ slot, unixTimestamp, epochStartTimestamp, transactionCount } = event.checkpoint);
      }
    };

    const enterSlot = (next: number, time: number): void => {
      slot = next;
      unixTimestamp = time;
      if (next % slotsPerSolanaEpoch === 0) epochStartTimestamp = time;
    };

    /** Brings the engine to the state that replaying has put together. */
    const loadEngine = (): void => {
      const changed = accounts.changed();
      for (const change of changed) {
        if (change.account !== undefined || engine.account(change.address) !== undefined) engine.setAccount(change);
      }
      if (changed.some(({ account }) => account?.owner === loaderV3)) {
        // An upgrade changes a program's data and not the program, so each is set again for the engine to load the new code.
        for (const { address, account } of accounts.ownedBy(loaderV3)) {
          if (account.executable) engine.setAccount({ address, account });
        }
      }
      setSysvars();
    };

    const setSysvars = (): void => {
      engine.setClock({ slot, unixTimestamp, epochStartTimestamp });
      const slotHashes = engine.account(slotHashesSysvar);
      if (slotHashes !== undefined) {
        const account = { ...slotHashes, data: blocks.slotHashes().slice() };
        engine.setAccount({ address: slotHashesSysvar, account });
        accounts.addGenesis({ address: slotHashesSysvar, account });
      }
      accounts.addGenesis({ address: clockSysvar, account: engine.account(clockSysvar) });
    };

    function* restate(): Generator<LedgerEvent> {
      for (const change of accounts.changed()) yield { kind: 'account', change };
      for (const record of history.all()) yield { kind: 'transaction', record, changes: [] };
      const checkpoint: Checkpoint = {
        slot,
        unixTimestamp,
        epochStartTimestamp,
        transactionCount,
        blocks: blocks.all(),
      };
      yield { kind: 'checkpoint', checkpoint };
    }

    const refusal: Ledger['refusal'] = (transaction, { signatures }) => {
      if (signatures && !verifySignatures(transaction)) return 'SignatureFailure';
      if (namesTwice(transaction, engine.account)) return 'AccountLoadedTwice';
      if (history.has(transaction.signature)) return 'AlreadyProcessed';
      if (!blocks.isValid(transaction.message.recentBlockhash)) return 'BlockhashNotFound';
      return undefined;
    };

    const commitTransaction = (record: TransactionRecord, changes: readonly AccountChange[]): void => {
      for (const change of changes) accounts.apply(change);
      history.add(record);
      transactionCount += 1;
      publish({ kind: 'transaction', record, changes });
    };

    const publish = (update: LedgerUpdate): void => {
      for (const listener of listeners) listener(update);
    };

    const addTransaction = (batch: Batch, job: Job & { readonly kind: 'transaction' }): void => {
      const { transaction, resolve, reject } = job;
      const refused = batch.signatures.has(transaction.signature)
        ? 'AlreadyProcessed'
        : refusal(transaction, { signatures: true });
      if (refused !== undefined) {
        resolve({ kind: 'dropped', err: refused });
        return;
      }
      const outcome = landTransaction(engine, transaction, { slot, blockTime: unixTimestamp });
      if (outcome.kind === 'dropped') {
        resolve(outcome);
        return;
      }
      const { record, changes, before } = outcome;
      batch.signatures.add(record.signature);
      for (const [address, account] of before) if (!batch.before.has(address)) batch.before.set(address, account);
      batch.events.push({ kind: 'transaction', record, changes });
      batch.bytes += changes.reduce((sum, { account }) => sum + (account?.data.length ?? 0), 1_000);
      batch.commits.push(() => {
        commitTransaction(record, changes);
        resolve({ kind: 'landed', record });
      });
      batch.failures.push(reject);
    };

    const addSlot = (batch: Batch, { resolve, reject }: Job & { readonly kind: 'slot' }): void => {
      const parent = { slot, unixTimestamp, hash: plain(randomBytes(32)), blockhash: toBase58(randomBytes(32)) };
      const next = slot + 1;
      // The cluster's clock never runs backwards, even if the machine's does.
      const time = Math.max(unixTimestamp, Math.floor(now() / 1_000));
      batch.events.push({ kind: 'slot', slot: next, unixTimestamp: time, parent });
      batch.commits.push(() => {
        blocks.push(parent);
        enterSlot(next, time);
        setSysvars();
        publish({ kind: 'slot', slot: next, parent: parent.slot });
        resolve(next);
      });
      batch.failures.push(reject);
    };

    /** Executes what waits, up to and with the end of the slot: a transaction then always sees its own slot's sysvars. */
    const executeBatch = (): Batch => {
      const batch: Batch = {
        events: [],
        before: new Map(),
        signatures: new Set(),
        commits: [],
        failures: [],
        bytes: 0,
      };
      while (batch.events.length < maxBatchEvents && batch.bytes < maxBatchBytes) {
        const job = jobs.shift();
        if (job === undefined) break;
        if (job.kind === 'slot') {
          addSlot(batch, job);
          break;
        }
        try {
          addTransaction(batch, job);
        } catch (cause) {
          job.reject(cause);
        }
      }
      return batch;
    };

    const undo = (batch: Batch): void => {
      // Programs go last and in any case, so that the engine loads them from the code that was put back.
      const order = [...batch.before].sort(
        ([, a], [, b]) => Number(a?.executable ?? false) - Number(b?.executable ?? false),
      );
      for (const [address, account] of order) {
        const changed = !sameAccount(account, engine.account(address));
        if (changed || account?.executable === true) engine.setAccount({ address, account });
      }
    };

    const pump = async (): Promise<void> => {
      while (jobs.length > 0) {
        const batch = executeBatch();
        if (batch.events.length === 0) continue;
        const hasTransactions = batch.events.some(({ kind }) => kind === 'transaction');
        if (hasTransactions) onStage?.('executed');
        try {
          await store.append(batch.events);
        } catch (cause) {
          undo(batch);
          for (const fail of batch.failures) fail(cause);
          continue;
        }
        if (hasTransactions) onStage?.('durable');
        for (const commit of batch.commits) commit();
        if (store.checkpointDue()) {
          const failure = await store.checkpoint(restate());
          if (failure !== undefined) log.error({ err: failure }, 'The ledger could not be restated; its log goes on.');
        }
      }
      pumping = undefined;
    };

    const enqueue = (job: Job): void => {
      if (closed) {
        job.reject(new KarmeshError('ABORTED', 'The cluster has stopped.'));
        return;
      }
      if (jobs.length >= maxQueuedJobs) {
        job.reject(new KarmeshError('QUEUE_FULL', 'Too many transactions wait.', { waiting: jobs.length }));
        return;
      }
      jobs.push(job);
      // A microtask lets the transactions of one turn share a write to disk.
      pumping ??= Promise.resolve().then(pump);
    };

    const advance = (): Promise<number> => new Promise((resolve, reject) => enqueue({ kind: 'slot', resolve, reject }));

    begin();
    for await (const events of store.recovered()) for (const event of events) replay(event);
    loadEngine();
    // Programs that read SlotHashes find it filled from the first transaction on.
    if (slot === 0) await advance();

    return {
      genesis,
      faucet,
      accounts,
      blocks: {
        at: (at) => blocks.at(at),
        all: () => blocks.all(),
        isValid: (blockhash) => blocks.isValid(blockhash),
      },
      history,
      slot: () => slot,
      unixTimestamp: () => unixTimestamp,
      transactionCount: () => transactionCount,
      latestBlockhash: () => {
        const latest = blocks.latest();
        if (latest === undefined) throw new KarmeshError('STORE_FAILED', 'The ledger has no finished slot.');
        return { blockhash: latest.blockhash, lastValidBlockHeight: latest.slot + 150 };
      },
      rentExemptMinimum: engine.rentExemptMinimum,
      refusal,
      simulate: ({ bytes, message }) => {
        const { execution, changes } = engine.simulate(bytes);
        return { execution: nameMissingProgram(engine, message, execution), changes };
      },
      submit: (transaction) =>
        new Promise((resolve, reject) => enqueue({ kind: 'transaction', transaction, resolve, reject })),
      advance,
      subscribe: (listener) => {
        listeners.add(listener);
        return () => {
          listeners.delete(listener);
        };
      },
      [Symbol.asyncDispose]: async () => {
        closed = true;
        await pumping;
        listeners.clear();
      },
    };
  };

/** Whether a transaction names an account twice, itself or by a lookup table: nobody could then say what its balance was. */
function namesTwice({ message }: WireTransaction, account: Engine['account']): boolean {
  const loaded = loadedAddresses(message, account) ?? { writable: [], readonly: [] };
  const keys = [...message.accountKeys, ...loaded.writable, ...loaded.readonly];
  return new Set(keys).size !== keys.length;
}
