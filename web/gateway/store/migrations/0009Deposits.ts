import type { Migration } from 'kysely/migration';
import { runAll } from './runAll.ts';

/** What buyers pay in on chain, once each, and up to where the chain was read. */
export const deposits: Migration = {
  async up(db) {
    await runAll(db, [
      `create table deposit_offers (
        reference bytea primary key,
        account_id bigint not null references accounts,
        gateway bytea not null,
        asset text not null check (asset in ('sol', 'token')),
        rate bigint not null check (rate > 0),
        expires_at_ms bigint not null,
        created_at_ms bigint not null
      )`,
      `create table deposits (
        signature text not null,
        asset text not null check (asset in ('sol', 'token')),
        amount text not null,
        lamports bigint not null check (lamports >= 0),
        account_id bigint references accounts,
        gateway bytea not null,
        at_ms bigint not null,
        primary key (signature, asset)
      )`,
      'create index deposits_account on deposits (account_id, at_ms)',
      `create table deposit_cursors (
        address bytea primary key,
        signature text not null
      )`,
    ]);
  },

  async down(db) {
    await runAll(db, ['drop table deposit_cursors', 'drop table deposits', 'drop table deposit_offers']);
  },
};
