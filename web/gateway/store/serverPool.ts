import type { PostgresCursor, PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely';
import pg from 'pg';
import { databaseError } from './databaseErrors.ts';

const CONNECTIONS = 8;
const CONNECT_MS = 5_000;
/** No statement of a gateway takes seconds; one that waits this long waits for a lock that somebody forgot. */
const STATEMENT_MS = 15_000;

/** Object identifiers of PostgreSQL's types (pg_type.dat). */
export const BYTEA = 17;
export const INT8 = 20;

/** PostgreSQL's hex form of bytes: two digits each behind `\\x`. */
export const parseBytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.slice(2), 'hex'));

const types = {
  getTypeParser: (type: number, format?: 'text' | 'binary') => {
    if (type === INT8) return BigInt;
    if (type === BYTEA) return parseBytes;
    return pg.types.getTypeParser(type, format);
  },
};

export type ServerPoolOptions = {
  readonly databaseUrl: string;
  /** Whether statements may take as long as they like, as migrations may. */
  readonly patient: boolean;
  /** Told of each connection that broke. */
  readonly onBroken: () => void;
};

/** Connections to a PostgreSQL server whose failures have names (`databaseError`). A broken connection is replaced at its next use. */
export function serverPool({ databaseUrl, patient, onBroken }: ServerPoolOptions): PostgresPool {
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    application_name: 'karmesh-gateway',
    max: CONNECTIONS,
    connectionTimeoutMillis: CONNECT_MS,
    // A server behind a network that swallows everything never says that it gave up, so the driver has a limit of its own.
    keepAlive: true,
    ...(patient
      ? {}
      : {
          statement_timeout: STATEMENT_MS,
          query_timeout: STATEMENT_MS + 1_000,
          idle_in_transaction_session_timeout: STATEMENT_MS,
        }),
    types,
  });
  // A connection that the server ends, in use or idle, would end the process if nobody listened.
  pool.on('error', onBroken);
  pool.on('connect', (client) => client.on('error', onBroken));
  return {
    options: pool.options,
    connect: () => pool.connect().then(named, rename),
    end: () => pool.end(),
  };
}

function named(client: pg.PoolClient): PostgresPoolClient {
  let isSilent = false;
  // Kysely asks with a statement and its parameters unless it was given cursors, and it is given none.
  function query<R>(statement: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>>;
  function query<R>(cursor: PostgresCursor<R>): PostgresCursor<R>;
  function query(statement: unknown, parameters: readonly unknown[] = []): never {
    return client.query(String(statement), [...parameters]).catch((cause: unknown) => {
      // What the connection says after that may be the answer to the statement before.
      isSilent ||= cause instanceof Error && cause.message === 'Query read timeout';
      rename(cause);
    }) as never;
  }
  return { query, release: (broken) => client.release(isSilent || broken) };
}

function rename(cause: unknown): never {
  throw databaseError(cause);
}
