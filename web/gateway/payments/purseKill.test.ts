import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { systemClock } from '@karmesh/sdk/clock';
import { toHex } from '@karmesh/sdk/protocol';
import { logger } from '@karmesh/sdk/runtime';
import { sql as raw } from 'kysely';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Sql } from '../store/db.ts';
import { hasPostgres, startPostgres } from '../store/fixtures/startPostgres.ts';
import { openDatabase, openSharedDatabase } from '../store/openDatabase.ts';
import type { PurseKey } from './charges.ts';
import { fundedKey } from './fixtures/fundedKey.ts';
import { ledgerAccount } from './ledger/accountNames.ts';
import { balanceOf, recompute } from './ledger/balances.ts';
import { openPurse } from './purse.ts';
import { recoverOthers } from './recoverPurse.ts';

const script = fileURLToPath(new URL('./fixtures/spendingProcess.ts', import.meta.url));
const log = logger({ name: 'test', level: 'fatal' })();
const GRANTED = 1_000_000n;
const KEY = 'sk-shared';

type Spending = { readonly bills: Map<string, bigint>; refused: number };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-purse-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Runs one process to its end, or kills it with SIGKILL after so many bills. What it acknowledged is added to `spending`. */
async function spend(
  options: {
    readonly participant: number;
    readonly databaseUrl: string | undefined;
    readonly count: number;
    readonly killAfter?: number;
  },
  spending: Spending,
): Promise<void> {
  const dataFolder = options.databaseUrl === undefined ? folder : join(folder, `${options.participant}`);
  const args = [dataFolder, options.databaseUrl ?? '', `${options.participant}`, KEY, `${options.count}`];
  const child = spawn(execPath, ['--disable-warning=ExperimentalWarning', script, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const closed = new Promise<number | null>((resolve) => {
    child.once('close', resolve);
  });
  let bills = 0;
  for await (const line of createInterface(child.stdout)) {
    const [, request, billed] = /^([0-9a-f]{64}) (\d+)$/.exec(line) ?? [];
    if (line.startsWith('refused')) spending.refused += 1;
    if (request === undefined || billed === undefined) continue;
    spending.bills.set(request, BigInt(billed));
    bills += 1;
    if (bills === options.killAfter) child.kill('SIGKILL');
  }
  const code = await closed;
  if (options.killAfter === undefined && code !== 0) throw new Error(`A process failed: ${stderr}`);
}

/** What was billed, what is set aside, and what the ledger says, at one moment. */
async function standing(sql: Sql, key: PurseKey): Promise<{ readonly spent: bigint; readonly held: bigint }> {
  const { rows } = await raw<{ spent: bigint; held: bigint }>`
    select spent_total_lamports as spent,
      (select coalesce(sum(lamports), 0)::bigint from allowances where key_hash = ${key.keyHash}) as held
    from api_keys where key_hash = ${key.keyHash}
  `.execute(sql);
  const [row] = rows;
  if (row === undefined) throw new Error('There is no such key.');
  return row;
}

/** What must hold when nobody runs any more. */
async function checkEnd(
  sql: Sql,
  options: { readonly key: PurseKey; readonly cap: bigint; readonly spending: Spending },
): Promise<void> {
  const { key, cap, spending } = options;
  const charges = await sql.selectFrom('charges').selectAll().execute();
  const stored = new Map(charges.map((row) => [toHex(row.request_id), row]));
  expect(charges.filter(({ state }) => state !== 'closed')).toEqual([]);
  const lost = [...spending.bills].filter(([request, billed]) => stored.get(request)?.lamports !== billed);
  expect(lost).toEqual([]);
  const billed = charges.reduce((sum, { lamports }) => sum + lamports, 0n);
  expect(await standing(sql, key)).toEqual({ spent: billed, held: 0n });
  expect(await balanceOf(sql, ledgerAccount.credit(key.accountId))).toBe(GRANTED - billed);
  expect(await recompute(sql)).toMatchObject({ faults: [], sum: 0n });
  expect(billed).toBeLessThanOrEqual(cap);
  expect(spending.refused).toBeGreaterThan(0);
  // The cap was all but used up: less than one request's most is left.
  expect(cap - billed).toBeLessThan(100n);
}

test('an embedded database: 5,000 reserves of one process that is killed again and again', {
  timeout: 300_000,
}, async () => {
  const cap = 60_000n;
  const own = { domain: new Uint8Array(32), participant: new Uint8Array(32).fill(1) };
  let key: PurseKey;
  {
    await using database = await openDatabase({ dataFolder: folder, ...own });
    key = await fundedKey(database.sql, { name: 'shared', lamports: GRANTED, capTotalLamports: cap });
  }
  const spending: Spending = { bills: new Map(), refused: 0 };
  const process = { participant: 1, databaseUrl: undefined };
  for (const killAfter of [100, 400]) await spend({ ...process, count: 5_000, killAfter }, spending);
  await spend({ ...process, count: 5_000 }, spending);
  await using database = await openDatabase({ dataFolder: folder, ...own });
  await checkEnd(database.sql, { key, cap, spending });
});

describe.skipIf(!hasPostgres)('two gateways on one PostgreSQL database (needs pg_ctl on this machine)', () => {
  test('10,000 reserves of one key while one gateway is killed again and again: not a lamport is sold twice', {
    timeout: 300_000,
  }, async () => {
    await using server = await startPostgres();
    const databaseUrl = server.url;
    await using database = await openSharedDatabase({ dataFolder: folder, databaseUrl });
    const { sql } = database;
    const cap = 150_000n;
    const key = await fundedKey(sql, { name: 'shared', lamports: GRANTED, capTotalLamports: cap });
    const spending: Spending = { bills: new Map(), refused: 0 };
    const killed = async () => {
      for (const killAfter of [50, 200, 500])
        await spend({ participant: 1, databaseUrl, count: 5_000, killAfter }, spending);
      await spend({ participant: 1, databaseUrl, count: 5_000 }, spending);
    };
    let over = false;
    const watched = (async () => {
      let looks = 0;
      for (; !over; looks++) {
        const { spent, held } = await standing(sql, key);
        expect(spent + held).toBeLessThanOrEqual(cap);
      }
      return looks;
    })();
    await Promise.all([killed(), spend({ participant: 2, databaseUrl, count: 5_000 }, spending)]);
    over = true;
    expect(await watched).toBeGreaterThan(10);
    await checkEnd(sql, { key, cap, spending });
  });

  test('a gateway that lives on bills what a dead one left open, and frees what it had set aside', {
    timeout: 120_000,
  }, async () => {
    await using server = await startPostgres();
    const databaseUrl = server.url;
    const openAs = (participant: number) =>
      openDatabase({
        dataFolder: join(folder, `own ${participant}`),
        databaseUrl,
        domain: new Uint8Array(32),
        participant: new Uint8Array(32).fill(participant),
      });
    await using survivor = await openAs(2);
    const { sql, db } = survivor;
    const key = await fundedKey(sql, { name: 'shared', lamports: GRANTED });
    const spending: Spending = { bills: new Map(), refused: 0 };
    const seenFree = new Set<string>();
    const recover = () => recoverOthers({ db, databaseUrl, nowMs: 5n, seenFree });
    await spend({ participant: 1, databaseUrl, count: 5_000, killAfter: 20 }, spending);
    // A lock that is free for the first time may be free for a moment only.
    expect(await recover()).toEqual([]);
    let recovered = await recover();
    // The server takes a moment to notice that the connection with the lock is gone.
    while (recovered.length === 0) recovered = await recover();
    expect(recovered).toEqual([
      {
        gateway: new Uint8Array(32).fill(1),
        charges: expect.any(Number),
        lamports: expect.any(BigInt),
        returned: expect.any(BigInt),
      },
    ]);
    expect(recovered[0]?.returned).toBeGreaterThan(0n);
    expect((await standing(sql, key)).held).toBe(0n);
    expect(await sql.selectFrom('charges').select('state').where('state', '=', 'open').execute()).toEqual([]);
    expect(await recompute(sql)).toMatchObject({ faults: [], sum: 0n });

    // One that runs is left alone.
    await using running = await openAs(3);
    await using purse = await openPurse(
      { blockLamports: 10n, idleMs: 60_000 },
      { db: running.db, clock: systemClock, log },
    );
    const hold = await purse.reserve({ key, least: 5n, most: 5n });
    for (let look = 0; look < 3; look++) expect(await recover()).toEqual([]);
    expect((await standing(sql, key)).held).toBe(15n);
    hold.release();
  });

  test('while the database is away reserves are refused at once, and a bill waits for it', {
    timeout: 120_000,
  }, async () => {
    await using server = await startPostgres();
    const own = { domain: new Uint8Array(32), participant: new Uint8Array(32).fill(1) };
    await using database = await openDatabase({ dataFolder: folder, databaseUrl: server.url, ...own });
    const key = await fundedKey(database.sql, { name: 'shared', lamports: GRANTED });
    await using purse = await openPurse(
      { blockLamports: 100n, idleMs: 60_000 },
      { db: database.db, clock: systemClock, log },
    );
    const [first, second] = await Promise.all([1, 2].map(() => purse.reserve({ key, least: 50n, most: 50n })));
    const requestId = new Uint8Array(32).fill(7);
    first?.bind({ requestId, unitPrice: 1n, promptTokens: 1 });
    await server.stop();
    const usage = { outputTokens: 1, chainHash: requestId, record: requestId, lamports: 9n };
    const billed = first?.close({ billed: 9n, settled: 9n, usage });
    // From memory as before; beyond it not.
    expect((await purse.reserve({ key, least: 100n, most: 100n })).lamports).toBe(100n);
    await expect(purse.reserve({ key, least: 100n, most: 100n })).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
    expect(purse.unsaved().lamports).toBe(9n);
    await server.start();
    await billed;
    expect(purse.unsaved()).toEqual({ lamports: 0n, mostLamports: 9n });
    expect(await balanceOf(database.sql, ledgerAccount.credit(key.accountId))).toBe(GRANTED - 9n);
    expect((await purse.reserve({ key, least: 100n, most: 100n })).lamports).toBe(100n);
    second?.release();
  });
});
