import type { Migration } from 'kysely/migration';
import { runAll } from './runAll.ts';

/** Tells the runs of one idempotency key apart, and names the request that a run became, in case its process ends before its answer is kept. */
export const idempotencyRuns: Migration = {
  async up(db) {
    await runAll(db, [
      "alter table idempotency add column run bytea not null default '', add column request_id bytea",
      'alter table idempotency alter column run drop default',
    ]);
  },

  async down(db) {
    await runAll(db, ['alter table idempotency drop column run, drop column request_id']);
  },
};
