import type { Migration } from 'kysely/migration';
import { runAll } from './runAll.ts';

/**
 * Escrows that pay for their buyers' requests, each with the account whose turn these are and the key, without a secret, under which they stand; and
 * the greatest voucher (F-32) of each.
 */
export const vouchers: Migration = {
  async up(db) {
    await runAll(db, [
      `create table vouchers (
        gateway bytea not null references gateways,
        escrow bytea not null,
        cumulative bigint not null check (cumulative >= 0),
        record bytea not null,
        stored_at_ms bigint not null,
        primary key (gateway, escrow)
      )`,
      // What such an escrow pays is no business of the gateway's ledger, whether or not there is a voucher yet.
      `create table paying_escrows (
        escrow bytea primary key,
        account_id bigint not null references accounts,
        key_hash bytea not null references api_keys
      )`,
    ]);
  },

  async down(db) {
    await runAll(db, ['drop table vouchers', 'drop table paying_escrows']);
  },
};
