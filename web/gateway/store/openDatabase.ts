import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { KarmeshError } from '@karmesh/sdk/errors';
import { acquireLockFile } from '@karmesh/sdk/runtime';
import { Kysely, type KyselyConfig, PGliteDialect, PostgresDialect, sql } from 'kysely';
import { Migrator } from 'kysely/migration';
import pg from 'pg';
import { migrationProvider } from './migrations.ts';
import type { Schema } from './schema.ts';

export type Db = Kysely<Schema>;

export type Database = AsyncDisposable & {
  readonly db: Db;
  readonly kind: 'pglite' | 'postgres';
  /** Aborted when the database can no longer be relied upon to be this process's alone. */
  readonly lost: AbortSignal;
};

export type OpenDatabaseOptions = {
  /** Holds the lock file, and the embedded database where `databaseUrl` is not given. Made with mode 0700. */
  readonly dataFolder: string;
  /** `postgres://…`: a PostgreSQL server (15 or newer) instead of the embedded database. */
  readonly databaseUrl?: string | undefined;
  /** Do not ask to be alone where that can be helped, which is on PostgreSQL. Only for what takes no numbers. */
  readonly sharing?: boolean;
  /** Told of each query that ended, with the milliseconds that it took, and of connections that broke. */
  readonly observe?: DatabaseObserver;
};

export type DatabaseObserver = {
  query(ms: number): void;
  error(): void;
};

/** Object identifiers of PostgreSQL's types (pg_type.dat). */
const BYTEA = 17;
const INT8 = 20;

/** The key of the advisory lock: the bytes of "karmesh" as a number. */
const ADVISORY_LOCK = 30_223_371_064_669_032n;

/** PostgreSQL's hex form of bytes: two digits each behind `\\x`. */
const parseBytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.slice(2), 'hex'));

/**
 * Opens and migrates the gateway's database. One process at a time: numbers are handed out from memory.
 *
 * @throws KarmeshError `STORE_LOCKED` while another process has it, `STORE_FAILED` when it cannot be opened or migrated.
 */
export async function openDatabase(options: OpenDatabaseOptions): Promise<Database> {
  await using opening = new AsyncDisposableStack();
  const { dataFolder, databaseUrl } = options;
  const alone = databaseUrl === undefined || options.sharing !== true;
  if (alone) opening.use(await acquireLockFile(join(dataFolder, 'gateway.lock')));
  const { db, kind, lost } =
    databaseUrl === undefined
      ? await openEmbedded({ dataFolder, observe: options.observe }, opening)
      : await openServer({ databaseUrl, alone, observe: options.observe }, opening);
  await migrate(db);
  const owned = opening.move();
  return { db, kind, lost, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

type Opened = Pick<Database, 'db' | 'kind' | 'lost'>;

/** Kysely times every query; its errors still go to whoever asked. */
const logTo = (observe: DatabaseObserver | undefined): Pick<KyselyConfig, 'log'> =>
  observe === undefined
    ? {}
    : {
        log({ level, queryDurationMillis }) {
          observe.query(queryDurationMillis);
          if (level === 'error') observe.error();
        },
      };

async function openEmbedded(
  { dataFolder, observe }: Pick<OpenDatabaseOptions, 'dataFolder'> & { readonly observe: DatabaseObserver | undefined },
  opening: AsyncDisposableStack,
): Promise<Opened> {
  const folder = join(dataFolder, 'pglite');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  try {
    const pglite = await PGlite.create(folder, { parsers: { [INT8]: BigInt, [BYTEA]: parseBytes } });
    const db = new Kysely<Schema>({ dialect: new PGliteDialect({ pglite }), ...logTo(observe) });
    opening.defer(() => pglite.close());
    return { db, kind: 'pglite', lost: new AbortController().signal };
  } catch (cause) {
    throw new KarmeshError('STORE_FAILED', 'The embedded database could not be opened.', { folder }, cause);
  }
}

async function openServer(
  {
    databaseUrl,
    alone,
    observe,
  }: {
    readonly databaseUrl: string;
    readonly alone: boolean;
    readonly observe: DatabaseObserver | undefined;
  },
  opening: AsyncDisposableStack,
): Promise<Opened> {
  const types = {
    getTypeParser: (type: number, format?: 'text' | 'binary') => {
      if (type === INT8) return BigInt;
      if (type === BYTEA) return parseBytes;
      return pg.types.getTypeParser(type, format);
    },
  };
  const lost = new AbortController();
  if (alone) await holdLock({ databaseUrl, lost }, opening);
  const pool = new pg.Pool({ connectionString: databaseUrl, application_name: 'karmesh-gateway', max: 8, types });
  // An idle connection that the server ends is replaced at its next use; without a listener it would end the process.
  pool.on('error', () => observe?.error());
  const db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }), ...logTo(observe) });
  opening.defer(() => db.destroy());
  return { db, kind: 'postgres', lost: lost.signal };
}

/** Takes the advisory lock of this database for as long as one connection lives, which therefore serves nothing else. */
async function holdLock(
  { databaseUrl, lost }: { readonly databaseUrl: string; readonly lost: AbortController },
  opening: AsyncDisposableStack,
): Promise<void> {
  const holder = new pg.Client({
    connectionString: databaseUrl,
    application_name: 'karmesh-gateway-lock',
    keepAlive: true,
  });
  holder.on('error', (cause) => {
    lost.abort(new KarmeshError('STORE_FAILED', 'The connection that holds the database lock has ended.', {}, cause));
  });
  try {
    await holder.connect();
  } catch (cause) {
    // The driver's own message may quote the URL with its password, so only the kind of failure is shown.
    throw new KarmeshError('STORE_FAILED', 'The PostgreSQL server could not be reached.', { code: codeOf(cause) });
  }
  opening.defer(() => holder.end());
  const { rows } = await holder.query<{ taken: boolean }>('select pg_try_advisory_lock($1) as taken', [ADVISORY_LOCK]);
  if (rows[0]?.taken !== true) throw new KarmeshError('STORE_LOCKED', 'Another gateway uses this PostgreSQL database.');
}

function codeOf(cause: unknown): string | undefined {
  return typeof cause === 'object' && cause !== null && 'code' in cause && typeof cause.code === 'string'
    ? cause.code
    : undefined;
}

async function migrate(db: Db): Promise<void> {
  const { error } = await new Migrator({ db, provider: migrationProvider }).migrateToLatest();
  if (error !== undefined) throw new KarmeshError('STORE_FAILED', 'The database could not be migrated.', {}, error);
}

/** Whether the database answers; for `/readyz`. */
export async function pingDatabase(db: Db): Promise<void> {
  await sql`select 1`.execute(db);
}
