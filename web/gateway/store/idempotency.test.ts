import { afterAll, beforeAll, expect, test } from 'vitest';
import { addApiKey, hashApiKey } from './apiKeys.ts';
import { openTestDatabase, type TestDatabase } from './fixtures/testDatabase.ts';
import { idempotencyKeys } from './idempotency.ts';
import { raiseFence } from './openDatabase.ts';
import { forgetRequests } from './requests.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await openTestDatabase();
  for (const key of ['sk-a', 'sk-b']) await addApiKey(database.sql, { key, name: key, nowMs: 1n });
}, 120_000);
afterAll(async () => {
  await database[Symbol.asyncDispose]();
});

const response = { status: 200, headers: { 'content-type': 'application/json' }, body: '{"a":"\\u0000é"}' };
const bodyHash = new Uint8Array(32).fill(1);
const entry = (key: string, more: { readonly bodyHash?: Uint8Array; readonly apiKey?: string } = {}) => ({
  keyHash: hashApiKey(more.apiKey ?? 'sk-a'),
  key,
  bodyHash: more.bodyHash ?? bodyHash,
});

function open(db = database.db) {
  const at = { nowMs: 100 };
  const keys = idempotencyKeys({ leaseMs: 50, keepMs: 900, maxKept: 3, maxKeptBytes: 1_000 })({
    db,
    clock: { nowMs: () => at.nowMs },
  });
  /** A run that has just taken the key. */
  const take = async (...of: Parameters<typeof entry>) => {
    const state = await keys.begin(entry(...of));
    if (state.kind !== 'fresh') throw new Error(`The key is ${state.kind}.`);
    return { ...entry(...of), run: state.run };
  };
  return { at, keys, take };
}

test('a request runs once: while it runs it is running, then everybody gets its answer until that expires', async () => {
  const { at, keys } = open();
  const begun = await Promise.all([1, 2, 3].map(() => keys.begin(entry('a'))));
  expect(begun.map(({ kind }) => kind).sort()).toEqual(['fresh', 'running', 'running']);
  const run = begun.flatMap((each) => (each.kind === 'fresh' ? [each.run] : []))[0] ?? new Uint8Array();
  await keys.finish({ ...entry('a'), run }, response);
  at.nowMs = 999;
  expect(await keys.begin(entry('a'))).toEqual({ kind: 'done', bodyHash, response });
  at.nowMs = 1_000;
  expect(await keys.begin(entry('a'))).toMatchObject({ kind: 'fresh' });
  expect(await keys.begin(entry('a'))).toEqual({ kind: 'running', bodyHash });
});

test('another body does not take the key, which says whose it is; another client’s key is another', async () => {
  const { keys } = open();
  const other = new Uint8Array(32).fill(2);
  expect(await keys.begin(entry('b'))).toMatchObject({ kind: 'fresh' });
  expect(await keys.begin(entry('b', { bodyHash: other }))).toEqual({ kind: 'running', bodyHash });
  expect(await keys.begin(entry('b', { bodyHash: other, apiKey: 'sk-b' }))).toMatchObject({ kind: 'fresh' });
});

test('a key that was given back may be used again', async () => {
  const { keys, take } = open();
  await keys.forget(await take('c'));
  expect(await keys.begin(entry('c'))).toMatchObject({ kind: 'fresh' });
});

test('one whose lease is over is begun anew, and what is over is swept', async () => {
  const { at, keys } = open();
  await keys.begin(entry('d'));
  at.nowMs = 149;
  expect(await keys.begin(entry('d'))).toMatchObject({ kind: 'running' });
  at.nowMs = 150;
  expect(await keys.begin(entry('d'))).toMatchObject({ kind: 'fresh' });
  at.nowMs = 5_000;
  await keys.begin(entry('e'));
  expect(await keys.sweep()).toBeGreaterThan(0);
  expect(await keys.sweep()).toBe(0);
  expect(await keys.begin(entry('e'))).toMatchObject({ kind: 'running' });
});

test('one of a process that another has replaced is begun anew, and the old process changes nothing', async () => {
  const { db, sql } = database;
  const { keys, take } = open();
  const [f, g] = [await take('f'), await take('g')];
  await keys.finish(g, response);
  const next = open({ ...db, fence: await raiseFence(sql, db.gateway) }).keys;
  expect(await next.begin(entry('f'))).toMatchObject({ kind: 'fresh' });
  await keys.finish(f, response);
  await keys.forget(f);
  expect(await next.begin(entry('f'))).toMatchObject({ kind: 'running' });
  expect(await next.begin(entry('g'))).toMatchObject({ kind: 'done', response });
  await expect(keys.begin(entry('h'))).rejects.toMatchObject({ code: 'KM001' });
});

test('a late run does not give its answer to a key that was taken anew in the same process', async () => {
  await using fresh = await openTestDatabase();
  await addApiKey(fresh.sql, { key: 'sk-a', name: 'a', nowMs: 1n });
  const { at, keys, take } = open(fresh.db);
  const late = await take('i');
  at.nowMs = 150;
  const other = new Uint8Array(32).fill(2);
  await take('i', { bodyHash: other });
  await keys.finish(late, response);
  await keys.forget(late);
  expect(await keys.begin(entry('i'))).toEqual({ kind: 'running', bodyHash: other });
});

test('a request that was answered by a process that was then killed is not run again while its bundle is there', async () => {
  await using fresh = await openTestDatabase();
  const { db, sql } = fresh;
  await addApiKey(sql, { key: 'sk-a', name: 'a', nowMs: 1n });
  const { keys, take } = open(db);
  const ids = [1, 2].map((each) => new Uint8Array(32).fill(each));
  for (const [place, requestId] of ids.entries()) await keys.name(await take(`k${place}`), requestId);
  const [answered = new Uint8Array()] = ids;
  const row = { request_id: answered, canonical: bodyHash, tokens: bodyHash, expires_at_ms: 500n };
  await sql.insertInto('requests').values(row).execute();
  expect(await keys.begin(entry('k0'))).toEqual({ kind: 'running', bodyHash });
  const next = open({ ...db, fence: await raiseFence(sql, db.gateway) }).keys;
  expect(await next.sweep()).toBe(1);
  expect(await next.begin(entry('k0'))).toEqual({ kind: 'cut', bodyHash, requestId: answered });
  expect(await next.begin(entry('k1'))).toMatchObject({ kind: 'fresh' });
  await forgetRequests(db, 500n);
  expect(await next.begin(entry('k0'))).toMatchObject({ kind: 'fresh' });
});

test('a request that failed once its answer was stored is not run again while its bundle is there', async () => {
  await using fresh = await openTestDatabase();
  const { db, sql } = fresh;
  await addApiKey(sql, { key: 'sk-a', name: 'a', nowMs: 1n });
  const { keys, take } = open(db);
  const run = await take('l');
  const requestId = new Uint8Array(32).fill(3);
  await keys.name(run, requestId);
  const row = { request_id: requestId, canonical: bodyHash, tokens: bodyHash, expires_at_ms: 500n };
  await sql.insertInto('requests').values(row).execute();
  await keys.forget(run);
  expect(await keys.begin(entry('l'))).toEqual({ kind: 'cut', bodyHash, requestId });
  await forgetRequests(db, 500n);
  expect(await keys.begin(entry('l'))).toMatchObject({ kind: 'fresh' });
});

test('of one API key the newest answers are kept, up to a number and to their bytes', async () => {
  await using fresh = await openTestDatabase();
  for (const key of ['sk-a', 'sk-b']) await addApiKey(fresh.sql, { key, name: key, nowMs: 1n });
  const { at, keys, take } = open(fresh.db);
  const keep = async (key: string, body: string, apiKey = 'sk-a'): Promise<void> => {
    at.nowMs += 1;
    await keys.finish(await take(key, { apiKey }), { ...response, body });
  };
  const kept = async (apiKey: string) =>
    (
      await fresh.sql
        .selectFrom('idempotency')
        .select('key')
        .where('key_hash', '=', hashApiKey(apiKey))
        .orderBy('key')
        .execute()
    ).map(({ key }) => key);
  await keep('other', 'x', 'sk-b');
  for (const key of ['a', 'b', 'c', 'd']) await keep(key, 'x');
  expect(await keys.sweep()).toBe(1);
  expect([await kept('sk-a'), await kept('sk-b')]).toEqual([['b', 'c', 'd'], ['other']]);
  await keep('e', 'x'.repeat(900));
  expect(await keys.sweep()).toBe(3);
  expect([await kept('sk-a'), await kept('sk-b')]).toEqual([['e'], ['other']]);
});
