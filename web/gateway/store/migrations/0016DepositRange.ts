import type { Migration } from 'kysely/migration';
import { runAll } from './runAll.ts';

/**
 * From where the history of an address was read, beside up to where, and what it holds; and to which address a deposit came. So the ledger can be compared with that
 * history. What is read already is left out of it.
 */
export const depositRange: Migration = {
  async up(db) {
    await runAll(db, [
      "alter table deposit_cursors add column asset text check (asset in ('sol', 'token')), add column first_signature text",
      'update deposit_cursors set first_signature = signature',
      'alter table deposit_cursors alter column first_signature set not null',
      'alter table deposits add column address bytea',
    ]);
  },

  async down(db) {
    await runAll(db, [
      'alter table deposits drop column address',
      'alter table deposit_cursors drop column asset, drop column first_signature',
    ]);
  },
};
