import type { Migration } from 'kysely/migration';
import { runAll } from './runAll.ts';

/** What the operator's own account may go below zero by: the greatest number of the database. */
const NO_LIMIT = 2n ** 63n - 1n;

/**
 * Accounts, and keys with caps. A key keeps its name, its caps, what it spent and `key_hash`, by which tickets name it, when it is rotated;
 * what its owner presents is a secret of it, of which two are valid while a rotation's overlap lasts.
 */
export const accounts: Migration = {
  async up(db) {
    await runAll(db, [
      `create table accounts (
        id bigint generated always as identity primary key,
        name text not null unique,
        wallet bytea unique,
        credit_limit_lamports bigint not null check (credit_limit_lamports >= 0),
        created_at_ms bigint not null
      )`,
      `insert into accounts (name, credit_limit_lamports, created_at_ms)
        select 'operator', ${NO_LIMIT}, coalesce(min(created_at_ms), 0) from api_keys`,
      `alter table api_keys
        add column account_id bigint references accounts,
        add column cap_day_lamports bigint check (cap_day_lamports >= 0),
        add column cap_total_lamports bigint check (cap_total_lamports >= 0),
        add column spent_total_lamports bigint not null default 0,
        add column spent_day bigint not null default 0,
        add column spent_day_lamports bigint not null default 0,
        add column rotated_at_ms bigint`,
      'update api_keys set account_id = (select id from accounts)',
      'alter table api_keys alter column account_id set not null',
      'create index api_keys_account on api_keys (account_id)',
      `create table key_secrets (
        secret_hash bytea primary key,
        key_hash bytea not null references api_keys,
        created_at_ms bigint not null,
        ends_at_ms bigint
      )`,
      'create index key_secrets_key on key_secrets (key_hash)',
      'insert into key_secrets select key_hash, key_hash, created_at_ms, null from api_keys',
    ]);
  },

  async down(db) {
    await runAll(db, [
      `create table old_keys as
        select secret_hash, name, key_secrets.created_at_ms, coalesce(revoked_at_ms, ends_at_ms) as revoked_at_ms
        from key_secrets join api_keys using (key_hash)`,
      'drop table key_secrets',
      'delete from api_keys',
      `alter table api_keys
        drop column account_id, drop column cap_day_lamports, drop column cap_total_lamports,
        drop column spent_total_lamports, drop column spent_day, drop column spent_day_lamports,
        drop column rotated_at_ms`,
      'insert into api_keys (key_hash, name, created_at_ms, revoked_at_ms) select * from old_keys',
      'drop table old_keys',
      'drop table accounts',
    ]);
  },
};
