import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ensureApiKey } from './ensureApiKey.ts';
import { findApiKey, hashApiKey } from './store/apiKeys.ts';
import { openTestDatabase, type TestDatabase } from './store/fixtures/testDatabase.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await openTestDatabase();
}, 120_000);
afterAll(async () => {
  await database[Symbol.asyncDispose]();
});

test('makes a key file that only its owner reads, keeps the key of one that is there, and refuses another file', async () => {
  const { sql, folder } = database;
  const path = join(folder, 'key.txt');
  await ensureApiKey(sql, { path, nowMs: 1n });
  const key = (await readFile(path, 'utf8')).trim();
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await findApiKey(sql, { key, nowMs: 2n })).toMatchObject({ keyHash: hashApiKey(key) });
  await ensureApiKey(sql, { path, nowMs: 2n });
  expect((await readFile(path, 'utf8')).trim()).toBe(key);

  await writeFile(path, 'sk-chosen_by_the_operator\n');
  await ensureApiKey(sql, { path, nowMs: 3n });
  expect(await findApiKey(sql, { key: 'sk-chosen_by_the_operator', nowMs: 4n })).toBeDefined();
  await writeFile(path, 'hunter2\n');
  await expect(ensureApiKey(sql, { path, nowMs: 4n })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  await expect(ensureApiKey(sql, { path: folder, nowMs: 4n })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});
