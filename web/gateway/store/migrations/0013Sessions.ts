import type { Migration } from 'kysely/migration';
import { runAll } from './runAll.ts';

/** Wallets that log in: sessions by the hash of their token, challenges that have opened one, and a name of each key that opens nothing. */
export const sessions: Migration = {
  async up(db) {
    await runAll(db, [
      `create table challenge_secret (
        id integer primary key check (id = 1),
        secret bytea not null
      )`,
      `create table used_challenges (
        nonce bytea primary key,
        account_id bigint not null references accounts,
        expires_at_ms bigint not null
      )`,
      'create index used_challenges_account on used_challenges (account_id)',
      'create index used_challenges_expiry on used_challenges (expires_at_ms)',
      `create table sessions (
        token_hash bytea primary key,
        account_id bigint not null references accounts,
        created_at_ms bigint not null,
        expires_at_ms bigint not null
      )`,
      'create index sessions_account on sessions (account_id)',
      'create index sessions_expiry on sessions (expires_at_ms)',
      'create index accounts_of_wallets on accounts (created_at_ms) where wallet is not null',
      `alter table api_keys
        add column id text not null unique default 'key_' || replace(gen_random_uuid()::text, '-', '')`,
      'create index deposit_offers_account on deposit_offers (account_id, created_at_ms)',
      'create index postings_account_movement on postings (account, movement_id)',
      'drop index postings_account',
    ]);
  },

  async down(db) {
    await runAll(db, [
      'create index postings_account on postings (account)',
      'drop index postings_account_movement',
      'drop index deposit_offers_account',
      'alter table api_keys drop column id',
      'drop index accounts_of_wallets',
      'drop table sessions',
      'drop table used_challenges',
      'drop table challenge_secret',
    ]);
  },
};
