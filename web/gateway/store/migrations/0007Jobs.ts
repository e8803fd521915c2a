import type { Migration } from 'kysely/migration';
import { runAll } from './runAll.ts';

/** Work that is to be done once, by whichever process comes first. */
export const jobs: Migration = {
  async up(db) {
    await runAll(db, [
      `create table jobs (
        id bigint generated always as identity primary key,
        name text not null,
        reference text not null,
        payload bytea not null,
        run_at_ms bigint not null,
        attempts integer not null,
        last_error text,
        unique (name, reference)
      )`,
      'create index jobs_due on jobs (name, run_at_ms)',
    ]);
  },

  async down(db) {
    await runAll(db, ['drop table jobs']);
  },
};
