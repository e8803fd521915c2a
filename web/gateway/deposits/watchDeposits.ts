import type { Clock } from '@karmesh/sdk/clock';
import { type Address, rpcRequest, toBase58 } from '@karmesh/sdk/program';
import type { DepositAsset, Participant } from '@karmesh/sdk/protocol';
import type { Logger } from '@karmesh/sdk/runtime';
import { type Connection, PublicKey, type VersionedTransactionResponse } from '@solana/web3.js';
import type { Sql } from '../store/db.ts';
import { arrivalsOf, type DepositAddresses } from './arrivals.ts';
import { beginCursor, type Deposit, readCursor, recordArrivals } from './depositStore.ts';

export type WatchDepositsOptions = {
  /** How long between two looks at the chain, in milliseconds. */
  readonly everyMs: number;
  /** Signatures that one request lists; an RPC node allows 1,000. */
  readonly pageSize: number;
};

/** What a cluster keeps of an address, as of what is final: only that can never be rolled back. */
export type DepositHistory = {
  /** Signatures of transactions that name the address, the newest first, from before `before` back to `until`, which is not among them. */
  signatures(
    address: Address,
    page: { readonly before: string | undefined; readonly until: string | undefined; readonly limit: number },
  ): Promise<readonly { readonly signature: string; readonly hasFailed: boolean }[]>;
  /** Null while the node has not got it. */
  transaction(signature: string): Promise<VersionedTransactionResponse | null>;
};

export type WatchDepositsParts = {
  readonly sql: Sql;
  readonly gateway: Participant;
  readonly addresses: DepositAddresses;
  /** Accounts whose transactions are the market's own and no deposits: the program that pays a gateway its share. */
  readonly ignored: readonly Address[];
  readonly history: DepositHistory;
  /** Lamports for 10^9 base units, today. */
  readonly rates: () => Readonly<Record<DepositAsset, bigint | undefined>>;
  readonly clock: Clock;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly onDeposit?: (deposit: Deposit) => void;
};

/**
 * Credits what buyers pay in on chain, once it is final and exactly once: the cursor of an address moves together with the ledger, and the
 * ledger takes a signature once, so that a look that is repeated after a crash, or a node that forgot the cursor, credits nothing
 * twice. A look that fails is made again at the next turn. `look` is one turn, for tests and for whoever cannot wait.
 */
export const watchDeposits =
  (options: WatchDepositsOptions) =>
  (parts: WatchDepositsParts): AsyncDisposable & { look(): Promise<void> } => {
    const { clock, history, log, sql } = parts;
    const stopped = new AbortController();
    let isFailing = false;

    const lookAt = async (asset: DepositAsset): Promise<void> => {
      const address = parts.addresses[asset];
      if (address === undefined) return;
      const cursor = await readCursor(sql, address);
      if (cursor === undefined) {
        const [newest] = await history.signatures(address, { before: undefined, until: undefined, limit: 1 });
        await beginCursor(sql, { address, asset, signature: newest?.signature ?? '' });
        return;
      }
      const until = cursor.last === '' ? undefined : cursor.last;
      const found: { readonly signature: string; readonly hasFailed: boolean }[] = [];
      for (;;) {
        const before = found.at(-1)?.signature;
        const page = await history.signatures(address, { before, until, limit: options.pageSize });
        found.push(...page);
        if (page.length < options.pageSize) break;
      }
      // A node that has forgotten the cursor lists what came before the first look, too.
      const first = found.findIndex(({ signature }) => signature === cursor.first);
      for (const { signature, hasFailed } of found.slice(0, first < 0 ? undefined : first).reverse()) {
        stopped.signal.throwIfAborted();
        const transaction = hasFailed ? undefined : await history.transaction(signature);
        // Later ones wait, so that the cursor never passes one that was not looked at.
        if (transaction === null) return;
        const arrivals = transaction === undefined ? [] : arrivalsOf(transaction, parts.addresses);
        const deposits = await recordArrivals(sql, {
          gateway: parts.gateway,
          addresses: parts.addresses,
          asset,
          signature,
          arrivals: arrivals.filter(({ named }) => !named.some(isIgnored)),
          rates: parts.rates(),
          nowMs: BigInt(clock.nowMs()),
        });
        for (const deposit of deposits) {
          const { amount, asset, lamports, accountId } = deposit;
          const facts = { signature, asset, amount: amount.toString(), lamports: lamports.toString() };
          if (accountId === undefined) log.warn(facts, 'A deposit names no account; the ledger keeps it as unclaimed.');
          else log.info({ ...facts, account: accountId.toString() }, 'A deposit was credited.');
          parts.onDeposit?.(deposit);
        }
      }
    };

    const ignored = new Set(parts.ignored.map(toBase58));
    const isIgnored = (address: Address): boolean => ignored.has(toBase58(address));

    const lookAtAll = async (): Promise<void> => {
      await lookAt('sol');
      await lookAt('token');
    };

    let current: Promise<void> = Promise.resolve();
    const look = (): Promise<void> => {
      current = current.catch(() => undefined).then(lookAtAll);
      return current;
    };

    let silence = (): void => {};
    const turn = async (): Promise<void> => {
      try {
        await look();
        if (isFailing) log.info({}, 'Deposits are read again.');
        isFailing = false;
      } catch (err) {
        if (stopped.signal.aborted) return;
        // Once for each time that it begins: a node may be away for hours.
        if (!isFailing) log.warn({ err }, 'Deposits cannot be read at present.');
        isFailing = true;
      }
      if (!stopped.signal.aborted) silence = clock.alarm(options.everyMs, () => void turn());
    };
    void turn();

    return {
      look,
      async [Symbol.asyncDispose]() {
        stopped.abort();
        silence();
        await current.catch(() => undefined);
      },
    };
  };

/** A cluster's own history, as of what is final. Throws `RPC_UNREACHABLE`, `RPC_FAILED`, `ABORTED`. */
export function finalHistory(connection: Connection, options: { readonly signal: AbortSignal }): DepositHistory {
  return {
    async signatures(address, { before, until, limit }) {
      const page = { limit, ...(before === undefined ? {} : { before }), ...(until === undefined ? {} : { until }) };
      const found = await rpcRequest(connection, 'getSignaturesForAddress', options, () =>
        connection.getSignaturesForAddress(new PublicKey(address), page, 'finalized'),
      );
      return found.map(({ signature, err }) => ({ signature, hasFailed: err !== null }));
    },
    transaction: (signature) =>
      rpcRequest(connection, 'getTransaction', options, () =>
        connection.getTransaction(signature, { commitment: 'finalized', maxSupportedTransactionVersion: 0 }),
      ),
  };
}
