import { sql as fragment } from 'kysely';
import type { Sql } from './db.ts';

/** Work that some process does once. It is added once for each `reference` of its `name`. */
export type Job = {
  readonly id: bigint;
  readonly name: string;
  readonly reference: string;
  readonly payload: Uint8Array;
  /** How often it was begun, this time among them. */
  readonly attempts: number;
};

/** Adds a job, in the caller's transaction if there is one; false if it is there already. */
export async function addJob(
  sql: Sql,
  job: Pick<Job, 'name' | 'reference' | 'payload'> & { readonly runAtMs: bigint },
): Promise<boolean> {
  const added = await sql
    .insertInto('jobs')
    .values({
      name: job.name,
      reference: job.reference,
      payload: job.payload,
      run_at_ms: job.runAtMs,
      attempts: 0,
      last_error: null,
    })
    .onConflict((conflict) => conflict.columns(['name', 'reference']).doNothing())
    .returning('id')
    .executeTakeFirst();
  return added !== undefined;
}

/**
 * Claims the job of this name that is due for longest, for `leaseMs`: then it is due again, should this process be dead. Processes that claim at once
 * get different ones and do not wait for each other.
 */
export async function claimJob(
  sql: Sql,
  claim: { readonly name: string; readonly nowMs: bigint; readonly leaseMs: bigint },
): Promise<Job | undefined> {
  return sql
    .updateTable('jobs')
    .set((column) => ({ attempts: column('attempts', '+', 1), run_at_ms: claim.nowMs + claim.leaseMs }))
    .where('id', '=', (column) =>
      column
        .selectFrom('jobs')
        .select('id')
        .where('name', '=', claim.name)
        .where('run_at_ms', '<=', claim.nowMs)
        .orderBy('run_at_ms')
        .orderBy('id')
        .limit(1)
        .forUpdate()
        .skipLocked(),
    )
    .returning(['id', 'name', 'reference', 'payload', 'attempts'])
    .executeTakeFirst();
}

type Claimed = Pick<Job, 'id' | 'attempts'>;

/** Ends a job that is done, in the caller's transaction if there is one; false if its lease ran out and another has begun it. */
export async function finishJob(sql: Sql, { id, attempts }: Claimed): Promise<boolean> {
  const { numDeletedRows } = await sql
    .deleteFrom('jobs')
    .where('id', '=', id)
    .where('attempts', '=', attempts)
    .executeTakeFirstOrThrow();
  return numDeletedRows === 1n;
}

/** Puts a job that failed off by `baseMs`, doubled with each attempt up to `maxMs`, and keeps what it said; false if another has begun it. */
export async function putOffJob(
  sql: Sql,
  job: Claimed & { readonly error: string; readonly nowMs: bigint; readonly baseMs: bigint; readonly maxMs: bigint },
): Promise<boolean> {
  const doublings = BigInt(Math.min(job.attempts - 1, 32));
  const waitMs = job.baseMs << doublings;
  const { numUpdatedRows } = await sql
    .updateTable('jobs')
    .set({ run_at_ms: job.nowMs + (waitMs < job.maxMs ? waitMs : job.maxMs), last_error: job.error })
    .where('id', '=', job.id)
    .where('attempts', '=', job.attempts)
    .executeTakeFirstOrThrow();
  return numUpdatedRows === 1n;
}

/** Jobs of a name that are not done, and how many of them have failed so far. */
export async function countJobs(
  sql: Sql,
  name: string,
): Promise<{ readonly waiting: bigint; readonly failed: bigint }> {
  return sql
    .selectFrom('jobs')
    .select((column) => [
      column.fn.countAll<bigint>().as('waiting'),
      fragment<bigint>`count(*) filter (where last_error is not null)`.as('failed'),
    ])
    .where('name', '=', name)
    .executeTakeFirstOrThrow();
}
