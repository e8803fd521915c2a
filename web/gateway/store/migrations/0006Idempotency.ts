import type { Migration } from 'kysely/migration';
import { runAll } from './runAll.ts';

/** Requests that their sender may repeat. `response` is null while one runs, in the process that `gateway` and `fence` name. */
export const idempotency: Migration = {
  async up(db) {
    await runAll(db, [
      `create table idempotency (
        key_hash bytea not null references api_keys,
        key text not null,
        body_hash bytea not null,
        gateway bytea not null references gateways,
        fence bigint not null,
        response text,
        expires_at_ms bigint not null,
        primary key (key_hash, key)
      )`,
      'create index idempotency_expiry on idempotency (expires_at_ms)',
    ]);
  },

  async down(db) {
    await runAll(db, ['drop table idempotency']);
  },
};
