import type { Migration } from 'kysely/migration';
import { runAll } from './runAll.ts';

/** Payments that came with requests (x402): each is written before it is settled, is credited once, and pays for one answer. */
export const x402: Migration = {
  async up(db) {
    await runAll(db, [
      `create table x402_payments (
        message_hash bytea primary key,
        gateway bytea not null references gateways,
        signature text not null unique,
        wallet bytea not null,
        base_units bigint not null check (base_units > 0),
        lamports bigint not null check (lamports >= 0),
        state text not null check (state in ('settling', 'credited', 'failed')),
        is_used boolean not null,
        created_at_ms bigint not null
      )`,
      "create index x402_payments_settling on x402_payments (gateway) where state = 'settling'",
    ]);
  },

  async down(db) {
    await runAll(db, ['drop table x402_payments']);
  },
};
