import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Sql } from './db.ts';
import { hasPostgres, startPostgres } from './fixtures/startPostgres.ts';
import { addJob, claimJob, countJobs, finishJob, type Job, putOffJob } from './jobs.ts';
import { openSharedDatabase } from './openDatabase.ts';

describe.each([
  { kind: 'pglite' as const, skipped: false },
  { kind: 'postgres' as const, skipped: !hasPostgres },
])('jobs on $kind', ({ kind, skipped }) => {
  if (skipped) {
    test.skip('needs PostgreSQL (pg_ctl) on this machine', () => {});
    return;
  }
  const owned = new AsyncDisposableStack();
  let sql: Sql;

  beforeAll(async () => {
    const dataFolder = await mkdtemp(join(tmpdir(), 'karmesh-jobs-'));
    owned.defer(() => rm(dataFolder, { recursive: true, force: true }));
    const server = kind === 'postgres' ? owned.use(await startPostgres()) : undefined;
    sql = owned.use(await openSharedDatabase({ dataFolder, databaseUrl: server?.url })).sql;
  }, 240_000);
  afterAll(() => owned.disposeAsync());

  const payload = Uint8Array.of(1, 2);
  const add = (name: string, reference: string, runAtMs = 10n) => addJob(sql, { name, reference, payload, runAtMs });
  const claim = (name: string, nowMs: bigint) => claimJob(sql, { name, nowMs, leaseMs: 100n });

  test('a job is added once, claimed when it is due, and gone when it is done', async () => {
    expect([await add('one', 'a'), await add('one', 'a'), await add('one', 'b', 5n)]).toEqual([true, false, true]);
    expect(await claim('one', 4n)).toBeUndefined();
    const b = await claim('one', 10n);
    expect(b).toEqual({ id: expect.any(BigInt), name: 'one', reference: 'b', payload, attempts: 1 });
    const a = await claim('one', 10n);
    expect(a?.reference).toBe('a');
    expect(await claim('one', 10n)).toBeUndefined();
    for (const job of [a, b]) expect(job && (await finishJob(sql, job))).toBe(true);
    expect(await countJobs(sql, 'one')).toEqual({ waiting: 0n, failed: 0n });
  });

  test('one whose lease ran out is claimed again, and the first who had it ends it no more', async () => {
    await add('lease', 'a');
    const first = await claim('lease', 10n);
    expect(await claim('lease', 109n)).toBeUndefined();
    const second = await claim('lease', 110n);
    if (first === undefined || second === undefined) throw new Error('unreachable');
    expect(second).toEqual({ ...first, attempts: 2 });
    const putOff = { error: 'late', nowMs: 111n, baseMs: 1n, maxMs: 1n };
    expect([await finishJob(sql, first), await putOffJob(sql, { ...first, ...putOff })]).toEqual([false, false]);
    expect(await finishJob(sql, second)).toBe(true);
  });

  test('one that fails waits twice as long each time, up to the most', async () => {
    await add('fails', 'a');
    let now = 10n;
    const waits: bigint[] = [];
    for (let attempt = 0; attempt < 5; attempt++) {
      const job = await claim('fails', now);
      if (job === undefined) throw new Error('unreachable');
      await putOffJob(sql, { ...job, error: 'No answer.', nowMs: now, baseMs: 1_000n, maxMs: 5_000n });
      const from = now;
      while (
        (
          await sql
            .selectFrom('jobs')
            .select('run_at_ms')
            .where('id', '=', job.id)
            .where('run_at_ms', '<=', now)
            .execute()
        ).length === 0
      )
        now += 500n;
      waits.push(now - from);
    }
    expect(waits).toEqual([1_000n, 2_000n, 4_000n, 5_000n, 5_000n]);
    expect(await countJobs(sql, 'fails')).toEqual({ waiting: 1n, failed: 1n });
  });

  test('a job that is added in a transaction that fails is not there', async () => {
    const failing = sql.transaction().execute(async (transaction) => {
      await addJob(transaction, { name: 'none', reference: 'a', payload, runAtMs: 0n });
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await claim('none', 10n)).toBeUndefined();
  });

  test('many who claim at once get different jobs', async () => {
    for (let i = 0; i < 40; i++) await add('many', `${i}`);
    const done: string[] = [];
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        for (;;) {
          const job: Job | undefined = await claim('many', 10n);
          if (job === undefined) return;
          done.push(job.reference);
          await finishJob(sql, job);
        }
      }),
    );
    expect(done.map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, i) => i));
  });
});
