import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { KarmeshError } from '@karmesh/sdk/errors';
import { type Domain, equalBytes, type Participant, toHex } from '@karmesh/sdk/protocol';
import { acquireLockFile } from '@karmesh/sdk/runtime';
import { Kysely, type KyselyConfig, PGliteDialect, PostgresDialect, sql } from 'kysely';
import { Migrator } from 'kysely/migration';
import type { Db, Sql } from './db.ts';
import { awaitGatewayLock, keepGatewayLock } from './gatewayLock.ts';
import { migrationProvider } from './migrations.ts';
import type { Schema } from './schema.ts';
import { BYTEA, INT8, parseBytes, serverPool } from './serverPool.ts';

export type { Db } from './db.ts';

export type SharedDatabase = AsyncDisposable & {
  readonly sql: Sql;
  readonly kind: 'pglite' | 'postgres';
};

export type Database = SharedDatabase & {
  readonly db: Db;
  /** Aborted once another process has taken this one's place: what it knows of its numbers is old then. */
  readonly lost: AbortSignal;
};

export type OpenDatabaseOptions = {
  /** Holds the lock file, and the embedded database where `databaseUrl` is not given. Made with mode 0700. */
  readonly dataFolder: string;
  /** `postgres://…`: a PostgreSQL server (15 or newer) instead of the embedded database. */
  readonly databaseUrl?: string | undefined;
  /** Told of each query that ended, with the milliseconds that it took, and of connections that broke. */
  readonly observe?: DatabaseObserver;
};

/** Whose numbers the process takes, and on which cluster. */
export type OwnGateway = { readonly domain: Domain; readonly participant: Participant };

export type DatabaseObserver = {
  query(ms: number): void;
  error(): void;
};

/**
 * Opens and migrates the database for what takes no numbers. A server's may be open elsewhere, an embedded one not.
 *
 * @throws KarmeshError `STORE_LOCKED`, `STORE_UNREACHABLE`, `STORE_FAILED` when it cannot be opened or migrated.
 */
export function openSharedDatabase(options: OpenDatabaseOptions): Promise<SharedDatabase> {
  return openTables(options, () => {});
}

async function openTables(options: OpenDatabaseOptions, onError: (error: unknown) => void): Promise<SharedDatabase> {
  await using opening = new AsyncDisposableStack();
  const { dataFolder, databaseUrl, observe } = options;
  if (databaseUrl === undefined) opening.use(await acquireLockFile(lockFile(dataFolder)));
  const opened = opening.use(
    databaseUrl === undefined
      ? await openEmbedded({ dataFolder, observe, onError })
      : await openServer({ databaseUrl, observe, onError }),
  );
  const owned = opening.move();
  return { ...opened, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/**
 * Opens and migrates the database as one gateway, and takes its place: numbers are handed out from memory, so that one process of a gateway
 * may run at a time. A server's database may be shared by several gateways of one cluster, and may go and come back meanwhile.
 *
 * @throws KarmeshError `STORE_LOCKED` while another process of this gateway has it, `STORE_UNREACHABLE`, `STORE_FAILED` when it cannot be opened or
 * migrated, or is of another cluster.
 */
export async function openDatabase(options: OpenDatabaseOptions & OwnGateway): Promise<Database> {
  await using opening = new AsyncDisposableStack();
  const { dataFolder, databaseUrl, domain, participant } = options;
  if (databaseUrl !== undefined) opening.use(await acquireLockFile(lockFile(dataFolder)));
  const lost = new AbortController();
  const lose = (): void =>
    lost.abort(new KarmeshError('STORE_LOCKED', 'Another process of this gateway has taken its place.'));
  const { sql: tables, kind } = opening.use(
    await openTables(options, (error) => {
      if (error instanceof KarmeshError && error.code === 'STORE_LOCKED') lose();
    }),
  );
  await addGateway(tables, { domain, participant });
  const takePlace = async (): Promise<Db> => ({
    sql: tables,
    gateway: participant,
    fence: await raiseFence(tables, participant),
  });
  if (databaseUrl === undefined) {
    const owned = opening.move();
    return {
      db: await takePlace(),
      sql: tables,
      kind,
      lost: lost.signal,
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    };
  }
  const lock = { databaseUrl, gateway: participant };
  const first = await awaitGatewayLock(lock);
  if (first === undefined)
    throw new KarmeshError('STORE_LOCKED', 'Another process of this gateway uses this PostgreSQL database.');
  const db = await takePlace();
  opening.use(
    keepGatewayLock(lock, {
      first,
      isOurs: async () => (await readFence(tables, participant)) === db.fence,
      onLost: lose,
    }),
  );
  const owned = opening.move();
  return { db, sql: tables, kind, lost: lost.signal, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

const lockFile = (dataFolder: string): string => join(dataFolder, 'gateway.lock');

/** Lets a gateway have rows here. All gateways of a database are of one cluster, since they share its money. */
async function addGateway(tables: Sql, { domain, participant }: OwnGateway): Promise<void> {
  await tables
    .insertInto('gateways')
    .values({ participant, domain, fence: 0n })
    .onConflict((conflict) => conflict.column('participant').doNothing())
    .execute();
  const known = await tables.selectFrom('gateways').select('domain').execute();
  if (known.some((each) => !equalBytes(each.domain, domain))) {
    await tables.deleteFrom('gateways').where('participant', '=', participant).where('fence', '=', 0n).execute();
    throw new KarmeshError('STORE_FAILED', 'The database belongs to gateways of another cluster.', {
      domain: toHex(domain),
    });
  }
}

/** The fence of the next process: rows of earlier ones are refused from here on. Whoever calls it holds the gateway's lock. */
export async function raiseFence(tables: Sql, gateway: Participant): Promise<bigint> {
  const { fence } = await tables
    .updateTable('gateways')
    .set((column) => ({ fence: column('fence', '+', 1n) }))
    .where('participant', '=', gateway)
    .returning('fence')
    .executeTakeFirstOrThrow();
  return fence;
}

async function readFence(tables: Sql, gateway: Participant): Promise<bigint> {
  const { fence } = await tables
    .selectFrom('gateways')
    .select('fence')
    .where('participant', '=', gateway)
    .executeTakeFirstOrThrow();
  return fence;
}

type Observing = { readonly observe: DatabaseObserver | undefined; readonly onError: (error: unknown) => void };

/** Kysely times every query; its errors still go to whoever asked. */
const logTo = ({ observe, onError }: Observing): Pick<KyselyConfig, 'log'> => ({
  log(event) {
    observe?.query(event.queryDurationMillis);
    if (event.level !== 'error') return;
    observe?.error();
    onError(event.error);
  },
});

async function openEmbedded({
  dataFolder,
  ...observing
}: Pick<OpenDatabaseOptions, 'dataFolder'> & Observing): Promise<SharedDatabase> {
  const folder = join(dataFolder, 'pglite');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  let pglite: PGlite;
  try {
    pglite = await PGlite.create(folder, { parsers: { [INT8]: BigInt, [BYTEA]: parseBytes } });
  } catch (cause) {
    throw new KarmeshError('STORE_FAILED', 'The embedded database could not be opened.', { folder }, cause);
  }
  await using opening = new AsyncDisposableStack();
  opening.defer(() => pglite.close());
  const tables = new Kysely<Schema>({ dialect: new PGliteDialect({ pglite }), ...logTo(observing) });
  await migrate(tables);
  const owned = opening.move();
  return { sql: tables, kind: 'pglite', [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function openServer({
  databaseUrl,
  ...observing
}: { readonly databaseUrl: string } & Observing): Promise<SharedDatabase> {
  const connect = (patient: boolean) =>
    new Kysely<Schema>({
      dialect: new PostgresDialect({
        pool: serverPool({ databaseUrl, patient, onBroken: () => observing.observe?.error() }),
      }),
      ...logTo(observing),
    });
  const migrating = connect(true);
  try {
    await migrate(migrating);
  } finally {
    await migrating.destroy();
  }
  const tables = connect(false);
  return { sql: tables, kind: 'postgres', [Symbol.asyncDispose]: () => tables.destroy() };
}

async function migrate(tables: Sql): Promise<void> {
  const { error } = await new Migrator({ db: tables, provider: migrationProvider }).migrateToLatest();
  if (error === undefined) return;
  if (error instanceof KarmeshError && error.code === 'STORE_UNREACHABLE') throw error;
  throw new KarmeshError('STORE_FAILED', 'The database could not be migrated.', {}, error);
}

/** Whether the database answers; for `/readyz`. */
export async function pingDatabase(db: Db): Promise<void> {
  await sql`select 1`.execute(db.sql);
}
