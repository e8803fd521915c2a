import type { Sql } from './db.ts';

/** Reads the tables as they are at one moment, whatever is written meanwhile; within a transaction it reads as that does. */
export function atOneMoment<T>(sql: Sql, read: (transaction: Sql) => Promise<T>): Promise<T> {
  if (sql.isTransaction) return read(sql);
  return sql.transaction().setIsolationLevel('repeatable read').execute(read);
}
