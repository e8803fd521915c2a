import type { Participant } from '@karmesh/sdk/protocol';
import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { Schema } from './schema.ts';

/** All tables, whoever's rows they hold. */
export type Sql = Kysely<Schema>;

/** The database as one process of one gateway has it: it reads its own numbered rows, and adds to them while its fence stands. */
export type Db = {
  readonly sql: Sql;
  readonly gateway: Participant;
  readonly fence: bigint;
};

/** The `gateway` of a new numbered row. The statement fails with SQLSTATE `KM001` once another process has taken this one's place. */
export function ownGateway({ gateway, fence }: Pick<Db, 'gateway' | 'fence'>): RawBuilder<Uint8Array> {
  return sql<Uint8Array>`own_gateway(${gateway}, ${fence})`;
}

/** Runs `work` in one transaction of the same gateway: all of it or nothing. */
export function inTransaction<T>(db: Db, work: (transaction: Db) => Promise<T>): Promise<T> {
  return db.sql.transaction().execute((transaction) => work({ ...db, sql: transaction }));
}
