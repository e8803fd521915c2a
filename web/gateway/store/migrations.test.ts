import { PGlite } from '@electric-sql/pglite';
import { Kysely, PGliteDialect, PostgresDialect, sql } from 'kysely';
import { Migrator, NO_MIGRATIONS } from 'kysely/migration';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasPostgres, type PostgresServer, startPostgres } from './fixtures/startPostgres.ts';
import { migrationProvider } from './migrations.ts';
import { BYTEA, INT8, parseBytes, serverPool } from './serverPool.ts';

const names = Object.keys(await migrationProvider.getMigrations());

/** Rows as the first migration has them: one gateway with two keys, of which one is revoked, and one request from ticket to batch. */
const FIRST_ROWS = [
  "insert into gateway values (true, '\\xd0', '\\xa0')",
  "insert into api_keys values ('\\x01', 'alice', 5, null), ('\\x02', 'bob', 6, 9)",
  "insert into tickets values (1, '\\x11', '\\x12', '\\x01')",
  "insert into chains values (4, '\\x13', 100)",
  "insert into candidate_groups values (4, '\\x14', '\\x15', '\\x16')",
  "insert into dispatches values (4, 1, 1, '\\x17', '\\x18', '\\x19')",
  "insert into batches values (1, 4, '\\x1a', '\\x1b', 7)",
  "insert into entries values (4, 1, '\\x11', '\\x1c', 30, '\\x1d', 1)",
  "insert into requests values ('\\x11', '\\x1e', '\\x1f', 99)",
];
const FIRST_TABLES = [
  'gateway',
  'api_keys',
  'tickets',
  'chains',
  'candidate_groups',
  'dispatches',
  'batches',
  'entries',
  'requests',
];

describe.each([
  { kind: 'pglite' as const, skipped: false },
  { kind: 'postgres' as const, skipped: !hasPostgres },
])('migrations on $kind', ({ kind, skipped }) => {
  if (skipped) {
    test.skip('needs PostgreSQL (pg_ctl) on this machine', () => {});
    return;
  }
  const owned = new AsyncDisposableStack();
  let db: Kysely<unknown>;
  let migrator: Migrator;

  beforeAll(async () => {
    if (kind === 'pglite') {
      const pglite = await PGlite.create({ parsers: { [INT8]: BigInt, [BYTEA]: parseBytes } });
      db = new Kysely({ dialect: new PGliteDialect({ pglite }) });
    } else {
      const server: PostgresServer = owned.use(await startPostgres());
      const pool = serverPool({ databaseUrl: server.url, patient: true, onBroken: () => {} });
      db = new Kysely({ dialect: new PostgresDialect({ pool }) });
    }
    owned.defer(() => db.destroy());
    migrator = new Migrator({ db, provider: migrationProvider });
  }, 240_000);
  afterAll(() => owned.disposeAsync());

  const to = async (name: string | typeof NO_MIGRATIONS): Promise<void> => {
    const { error } = await migrator.migrateTo(name);
    if (error !== undefined) throw error;
  };
  const rowsOf = async (table: string, order = '1'): Promise<unknown> =>
    (await sql.raw(`select * from ${table} order by ${order}`).execute(db)).rows;
  const first = async () =>
    Object.fromEntries(await Promise.all(FIRST_TABLES.map(async (table) => [table, await rowsOf(table)])));
  const last = names.at(-1) ?? '';

  test('go up, down and up again, and keep what the first tables held', { timeout: 120_000 }, async () => {
    await to('0001-first');
    for (const row of FIRST_ROWS) await sql.raw(row).execute(db);
    const before = await first();
    await to(last);
    expect(await rowsOf('gateways')).toEqual([
      { participant: Uint8Array.of(0xa0), domain: Uint8Array.of(0xd0), fence: 0n },
    ]);
    expect(await rowsOf('entries')).toEqual([expect.objectContaining({ gateway: Uint8Array.of(0xa0), price: 30n })]);
    expect(await rowsOf('accounts')).toEqual([
      expect.objectContaining({ id: 1n, name: 'operator', credit_limit_lamports: 2n ** 63n - 1n, created_at_ms: 5n }),
    ]);
    const keys = [Uint8Array.of(1), Uint8Array.of(2)];
    expect(await rowsOf('key_secrets')).toEqual([
      { secret_hash: keys[0], key_hash: keys[0], created_at_ms: 5n, ends_at_ms: null },
      { secret_hash: keys[1], key_hash: keys[1], created_at_ms: 6n, ends_at_ms: null },
    ]);
    for (const name of names.toReversed().slice(1)) await to(name);
    expect(await first()).toEqual(before);
    await to(last);
    await to('0001-first');
    expect(await first()).toEqual(before);
  });

  test('keep two gateways’ numbers apart, and refuse to go back to one gateway’s tables with them', {
    timeout: 120_000,
  }, async () => {
    await to(last);
    await sql.raw("insert into gateways values ('\\xa1', '\\xd0', 0)").execute(db);
    await sql.raw("insert into tickets values (1, '\\x21', '\\x22', '\\x01', '\\xa1')").execute(db);
    await expect(to('0001-first')).rejects.toThrow('The tables of before hold the numbers of one gateway only.');
    expect(await rowsOf('tickets', 'gateway')).toHaveLength(2);
    await sql.raw("delete from tickets where gateway = '\\xa1'").execute(db);
    await sql.raw("delete from gateways where participant = '\\xa1'").execute(db);
  });

  test('leave nothing behind', { timeout: 120_000 }, async () => {
    await to(NO_MIGRATIONS);
    const left = await sql<{ name: string }>`
      select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'S') order by 1
    `.execute(db);
    expect(left.rows.filter(({ name }) => !name.startsWith('kysely_'))).toEqual([]);
    const functions = await sql`select proname from pg_proc where pronamespace = 'public'::regnamespace`.execute(db);
    expect(functions.rows).toEqual([]);
  });
});
