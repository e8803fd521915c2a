import type { Clock } from '@karmesh/sdk/clock';
import type { Address } from '@karmesh/sdk/program';
import type { Logger } from '@karmesh/sdk/runtime';
import type { Sql } from '../../store/db.ts';
import { addJob, claimJob, finishJob, putOffJob } from '../../store/jobs.ts';
import { checkBooks } from './checkBooks.ts';
import { compareWithChain, type LedgerChain } from './compareWithChain.ts';
import type { LedgerDifference } from './ledgerDifference.ts';

const NAME = 'check-ledger';
/** There is one for the whole database. */
const REFERENCE = 'database';
const NO_PAYLOAD = new Uint8Array();
/** Shown of a check at most. */
const MOST_SHOWN = 20;

export type LedgerChecks = AsyncDisposable & {
  /** How many differences the last check found, by whichever gateway. */
  differences(): Promise<number>;
};

/**
 * Checks the ledger against itself and the chain, now and again, by one of the gateways of a database: whoever claims the job makes the check, and
 * another does if it dies. A check that could not be made, as when the node is away, is made again after `leaseMs`. It says what differs, and mends nothing.
 */
export const ledgerChecks =
  (options: {
    /** How often the job is looked for, how long a check may take, and how long between two of them, in milliseconds. */
    readonly lookMs: number;
    readonly leaseMs: number;
    readonly everyMs: number;
    /** Transactions of a deposit address that are compared. */
    readonly newest: number;
  }) =>
  (parts: {
    readonly sql: Sql;
    readonly chain: LedgerChain;
    readonly ignored: readonly Address[];
    readonly clock: Clock;
    readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
  }): LedgerChecks => {
    const { chain, clock, ignored, log, sql } = parts;
    const { everyMs, leaseMs, lookMs, newest } = options;
    let isOver = false;
    const nowMs = (): bigint => BigInt(clock.nowMs());

    const compare = async (): Promise<readonly LedgerDifference[]> => {
      const books = await checkBooks(sql);
      const compared = await compareWithChain(sql, chain, { ignored, newest });
      return [...books.differences, ...compared.differences];
    };

    const look = async (): Promise<void> => {
      const next = { name: NAME, reference: REFERENCE, payload: NO_PAYLOAD };
      await addJob(sql, { ...next, runAtMs: nowMs() });
      const job = await claimJob(sql, { name: NAME, nowMs: nowMs(), leaseMs: BigInt(leaseMs) });
      if (job === undefined) return;
      const found = await compare();
      if (found.length === 0) {
        await sql.transaction().execute(async (transaction) => {
          if (await finishJob(transaction, job))
            await addJob(transaction, { ...next, runAtMs: nowMs() + BigInt(everyMs) });
        });
        return;
      }
      for (const { about, check, found: right, ledger } of found.slice(0, MOST_SHOWN))
        log.error({ about, check, ledger: `${ledger}`, found: `${right}` }, 'The ledger is not what it stands for.');
      const error = String(found.length);
      await putOffJob(sql, { ...job, error, nowMs: nowMs(), baseMs: BigInt(everyMs), maxMs: BigInt(everyMs) });
    };

    let silence = (): void => {};
    const turn = async (): Promise<void> => {
      try {
        await look();
      } catch (err) {
        if (!isOver) log.warn({ err }, 'The ledger cannot be checked at present.');
      }
      if (!isOver) silence = clock.alarm(lookMs, () => (current = turn()));
    };
    let current = turn();

    return {
      async differences() {
        const row = await sql.selectFrom('jobs').select('last_error').where('name', '=', NAME).executeTakeFirst();
        return Number(row?.last_error ?? 0);
      },
      async [Symbol.asyncDispose]() {
        isOver = true;
        silence();
        await current;
      },
    };
  };
