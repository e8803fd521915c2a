import { sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** One gateway, its keys, and its numbered records. */
export const first: Migration = {
  async up(db) {
    await db.schema
      .createTable('gateway')
      .addColumn('one', 'boolean', (column) => column.primaryKey().check(sql`one`))
      .addColumn('domain', 'bytea', (column) => column.notNull())
      .addColumn('participant', 'bytea', (column) => column.notNull())
      .execute();
    await db.schema
      .createTable('api_keys')
      .addColumn('key_hash', 'bytea', (column) => column.primaryKey())
      .addColumn('name', 'text', (column) => column.notNull())
      .addColumn('created_at_ms', 'bigint', (column) => column.notNull())
      .addColumn('revoked_at_ms', 'bigint')
      .execute();
    await db.schema
      .createTable('tickets')
      .addColumn('number', 'bigint', (column) => column.primaryKey())
      .addColumn('request_id', 'bytea', (column) => column.notNull().unique())
      .addColumn('record', 'bytea', (column) => column.notNull())
      .addColumn('key_hash', 'bytea', (column) => column.notNull())
      .execute();
    await db.schema
      .createTable('chains')
      .addColumn('epoch', 'bigint', (column) => column.primaryKey())
      .addColumn('secret', 'bytea', (column) => column.notNull())
      .addColumn('length', 'integer', (column) => column.notNull())
      .execute();
    await db.schema
      .createTable('candidate_groups')
      .addColumn('epoch', 'bigint', (column) => column.notNull())
      .addColumn('engine_class', 'bytea', (column) => column.notNull())
      .addColumn('model_id', 'bytea', (column) => column.notNull())
      .addColumn('body', 'bytea', (column) => column.notNull())
      .addPrimaryKeyConstraint('candidate_groups_pkey', ['epoch', 'engine_class', 'model_id'])
      .execute();
    await db.schema
      .createTable('dispatches')
      .addColumn('epoch', 'bigint', (column) => column.notNull())
      .addColumn('number', 'bigint', (column) => column.notNull())
      .addColumn('ticket_number', 'bigint', (column) => column.notNull().references('tickets.number'))
      .addColumn('slot_hash', 'bytea', (column) => column.notNull())
      .addColumn('record', 'bytea', (column) => column.notNull())
      .addColumn('drawn', 'bytea', (column) => column.notNull())
      .addPrimaryKeyConstraint('dispatches_pkey', ['epoch', 'number'])
      .execute();
    await db.schema
      .createTable('batches')
      .addColumn('sequence', 'bigint', (column) => column.primaryKey())
      .addColumn('epoch', 'bigint', (column) => column.notNull())
      .addColumn('body_hash', 'bytea', (column) => column.notNull().unique())
      .addColumn('header', 'bytea', (column) => column.notNull())
      .addColumn('published_at_ms', 'bigint')
      .execute();
    await db.schema
      .createTable('entries')
      .addColumn('epoch', 'bigint', (column) => column.notNull())
      .addColumn('dispatch_number', 'bigint', (column) => column.notNull())
      .addColumn('request_id', 'bytea', (column) => column.notNull().unique())
      .addColumn('escrow', 'bytea', (column) => column.notNull())
      .addColumn('price', 'bigint', (column) => column.notNull())
      .addColumn('entry', 'bytea', (column) => column.notNull())
      .addColumn('batch_sequence', 'bigint', (column) => column.references('batches.sequence'))
      .addPrimaryKeyConstraint('entries_pkey', ['epoch', 'dispatch_number'])
      .addForeignKeyConstraint('entries_dispatch_fkey', ['epoch', 'dispatch_number'], 'dispatches', ['epoch', 'number'])
      .execute();
    await db.schema
      .createIndex('entries_unpublished')
      .on('entries')
      .columns(['epoch', 'dispatch_number'])
      .where(sql.ref('batch_sequence'), 'is', null)
      .execute();
    await db.schema.createIndex('entries_batch').on('entries').column('batch_sequence').execute();
    await db.schema
      .createTable('requests')
      .addColumn('request_id', 'bytea', (column) => column.primaryKey())
      .addColumn('canonical', 'bytea', (column) => column.notNull())
      .addColumn('tokens', 'bytea', (column) => column.notNull())
      .addColumn('expires_at_ms', 'bigint', (column) => column.notNull())
      .execute();
    await db.schema.createIndex('requests_expiry').on('requests').column('expires_at_ms').execute();
  },

  async down(db) {
    for (const table of [
      'requests',
      'entries',
      'batches',
      'dispatches',
      'candidate_groups',
      'chains',
      'tickets',
      'api_keys',
      'gateway',
    ])
      await db.schema.dropTable(table).execute();
  },
};
