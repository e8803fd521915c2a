import type { Migration } from 'kysely/migration';
import { runAll } from './runAll.ts';

/** What each gateway has taken out of a key to spend from memory, and a row for each request that is or was billed. */
export const allowances: Migration = {
  async up(db) {
    await runAll(db, [
      `create table allowances (
        gateway bytea not null references gateways,
        key_hash bytea not null references api_keys,
        lamports bigint not null check (lamports >= 0),
        primary key (gateway, key_hash)
      )`,
      'create index allowances_key on allowances (key_hash)',
      `create table charges (
        request_id bytea primary key,
        gateway bytea not null references gateways,
        account_id bigint not null references accounts,
        key_hash bytea not null references api_keys,
        unit_price bigint not null,
        prompt_tokens integer not null,
        output_tokens integer not null,
        chain_hash bytea not null,
        usage_record bytea not null,
        lamports bigint not null check (lamports >= 0),
        settled_lamports bigint check (settled_lamports >= 0),
        state text not null check (state in ('open', 'closed')),
        updated_at_ms bigint not null
      )`,
      "create index charges_open on charges (gateway) where state = 'open'",
      'create index charges_account on charges (account_id, updated_at_ms)',
    ]);
  },

  async down(db) {
    await runAll(db, ['drop table charges', 'drop table allowances']);
  },
};
