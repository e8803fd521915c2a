import type { Migration } from 'kysely/migration';
import { runAll } from './runAll.ts';

/** The blockhash of a payment's transaction says when it can no longer land. Nobody knows those of before. */
export const paymentBlockhash: Migration = {
  async up(db) {
    await runAll(db, [
      "alter table x402_payments add column blockhash text not null default ''",
      'alter table x402_payments alter column blockhash drop default',
    ]);
  },

  async down(db) {
    await runAll(db, ['alter table x402_payments drop column blockhash']);
  },
};
