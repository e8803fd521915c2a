import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { sql as raw } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addApiKey, findApiKey } from './apiKeys.ts';
import { keepChain } from './chains.ts';
import { hasPostgres, type PostgresServer, startPostgres } from './fixtures/startPostgres.ts';
import { lockKey, takeGatewayLock } from './gatewayLock.ts';
import { type Database, openDatabase, pingDatabase, raiseFence } from './openDatabase.ts';

const bytes = (fill: number) => new Uint8Array(32).fill(fill);

describe.skipIf(!hasPostgres)('a gateway’s place in a PostgreSQL database (needs pg_ctl on this machine)', () => {
  let folder: string;
  let server: PostgresServer;
  let folders = 0;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'karmesh-lock-'));
    server = await startPostgres();
  }, 240_000);
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  const open = (participant: number): Promise<Database> => {
    folders += 1;
    return openDatabase({
      dataFolder: join(folder, `${folders}`),
      databaseUrl: server.url,
      domain: bytes(1),
      participant: bytes(participant),
    });
  };
  const locksOf = async ({ sql, db }: Database): Promise<number> => {
    const { rows } = await raw`
      select from pg_locks where locktype = 'advisory' and granted
        and (classid::bigint << 32 | objid::bigint) = ${lockKey(db.gateway)}
    `.execute(sql);
    return rows.length;
  };
  const answers = async ({ db }: Database): Promise<void> => {
    for (;;) {
      try {
        return await pingDatabase(db);
      } catch {
        // Until it is back.
      }
    }
  };

  test('a gateway that starts while another looks whether it has ended has its place a moment later', async () => {
    const looking = await takeGatewayLock({ databaseUrl: server.url, gateway: bytes(5) });
    const opened = open(5);
    await setTimeout(600);
    await looking?.[Symbol.asyncDispose]();
    await using database = await opened;
    expect([looking !== undefined, await locksOf(database)]).toEqual([true, 1]);
  });

  test('two processes race for one gateway, and one gets it', { timeout: 60_000 }, async () => {
    const opened = await Promise.allSettled([open(2), open(2), open(3)]);
    const [got, refused] = [
      opened.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : [])),
      opened.flatMap((each) => (each.status === 'rejected' ? [each.reason] : [])),
    ];
    expect(got.map(({ db }) => db.gateway[0]).sort()).toEqual([2, 3]);
    expect(refused).toMatchObject([
      { code: 'STORE_LOCKED', message: 'Another process of this gateway uses this PostgreSQL database.' },
    ]);
    for (const each of got) await each[Symbol.asyncDispose]();
    const again = await open(2);
    expect(again.db.fence).toBeGreaterThan(got.find(({ db }) => db.gateway[0] === 2)?.db.fence ?? 0n);
    await again[Symbol.asyncDispose]();
  });

  test('the server asks every ten seconds whether who holds a lock is still there', {
    skip: process.platform !== 'linux',
    timeout: 60_000,
  }, async () => {
    await using opened = await open(4);
    const { rows } = await raw<{ port: number }>`
      select client_port as port from pg_stat_activity where application_name = 'karmesh-gateway-lock'
    `.execute(opened.sql);
    const port = (rows[0]?.port ?? 0).toString(16).toUpperCase().padStart(4, '0');
    // Remote address, state, queues, and the timer with what is left of it in hundredths of a second (proc(5)).
    const connection = new RegExp(`0100007F:${port} 01 \\S+ 02:([0-9A-F]{8})`);
    const leftOfProbe = async (): Promise<number> =>
      Number.parseInt(connection.exec(await readFile('/proc/net/tcp', 'utf8'))?.[1] ?? 'FFFFFFFF', 16);
    await expect.poll(leftOfProbe).toBeLessThanOrEqual(1_000);
  });

  test('a server that goes and comes back: refused meanwhile by name, and the place is the same', {
    timeout: 120_000,
  }, async () => {
    await using database = await open(4);
    const { sql, db } = database;
    await addApiKey(sql, { key: 'sk-known', name: 'known', nowMs: 1n });
    const find = () => findApiKey(sql, { key: 'sk-known', nowMs: 2n });
    const found = await find();
    // Connections in use break as idle ones do.
    const busy = Promise.allSettled([1, 2, 3].map(() => sql.selectFrom('gateways').selectAll().execute().then(find)));
    await server.stop();
    await busy;
    await expect(find()).rejects.toMatchObject({ code: 'STORE_UNREACHABLE', message: 'The database does not answer.' });
    await server.start();
    await answers(database);
    expect(await find()).toEqual(found);
    await keepChain(db, { epoch: 1n, secret: bytes(1), length: 1 });
    // The lock is taken again, so that another process is refused as before.
    while ((await locksOf(database)) === 0);
    await expect(open(4)).rejects.toMatchObject({ code: 'STORE_LOCKED' });
    expect(database.lost.aborted).toBe(false);
  });

  test('a process whose place was taken while the server was away is told so, and writes nothing more', {
    timeout: 120_000,
  }, async () => {
    await using database = await open(5);
    const lost = new Promise<unknown>((resolve) => {
      database.lost.addEventListener('abort', () => resolve(database.lost.reason));
    });
    await server.stop();
    await server.start();
    await answers(database);
    await raiseFence(database.sql, bytes(5));
    await expect(keepChain(database.db, { epoch: 2n, secret: bytes(1), length: 1 })).rejects.toMatchObject({
      code: 'STORE_LOCKED',
      message: 'Another process of this gateway has taken its place.',
    });
    expect(await lost).toMatchObject({ code: 'STORE_LOCKED' });
  });

  test('one that writes nothing learns it from its lock', { timeout: 120_000 }, async () => {
    await using database = await open(6);
    const lost = new Promise<unknown>((resolve) => {
      database.lost.addEventListener('abort', () => resolve(database.lost.reason));
    });
    await raiseFence(database.sql, bytes(6));
    await server.stop();
    await server.start();
    expect(await lost).toMatchObject({ code: 'STORE_LOCKED' });
  });
});
