import type { Migration } from 'kysely/migration';

/** The tables of `LogSchema`. */
export const logMigration: Migration = {
  async up(db) {
    await db.schema
      .createTable('log_events')
      .addColumn('gateway', 'bytea', (column) => column.notNull())
      .addColumn('index', 'bigint', (column) => column.notNull())
      .addColumn('leaf', 'bytea', (column) => column.notNull())
      .addColumn('opened', 'bigint', (column) => column.notNull())
      .addColumn('ticket_number', 'bigint')
      .addColumn('ticket_hash', 'bytea')
      .addPrimaryKeyConstraint('log_events_pkey', ['gateway', 'index'])
      .execute();
    await db.schema.createIndex('log_events_ticket').on('log_events').column('ticket_hash').execute();
    await db.schema.createIndex('log_events_number').on('log_events').columns(['gateway', 'ticket_number']).execute();
    await db.schema
      .createTable('log_nodes')
      .addColumn('gateway', 'bytea', (column) => column.notNull())
      .addColumn('level', 'integer', (column) => column.notNull())
      .addColumn('index', 'bigint', (column) => column.notNull())
      .addColumn('hash', 'bytea', (column) => column.notNull())
      .addPrimaryKeyConstraint('log_nodes_pkey', ['gateway', 'level', 'index'])
      .execute();
    await db.schema
      .createTable('log_checkpoints')
      .addColumn('gateway', 'bytea', (column) => column.primaryKey())
      .addColumn('size', 'bigint', (column) => column.notNull())
      .addColumn('note', 'text', (column) => column.notNull())
      .execute();
  },
  async down(db) {
    for (const table of ['log_checkpoints', 'log_nodes', 'log_events']) await db.schema.dropTable(table).execute();
  },
};
