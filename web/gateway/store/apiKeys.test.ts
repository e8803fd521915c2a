import { afterAll, beforeAll, expect, test } from 'vitest';
import { addAccount, findAccount, listAccounts, operatorAccount } from './accounts.ts';
import {
  addApiKey,
  findApiKey,
  generateApiKey,
  hashApiKey,
  listApiKeys,
  revokeApiKeys,
  rotateApiKey,
} from './apiKeys.ts';
import { openTestDatabase, type TestDatabase } from './fixtures/testDatabase.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await openTestDatabase();
}, 120_000);
afterAll(async () => {
  await database[Symbol.asyncDispose]();
});

test('keeps keys as hashes, and finds those that are not revoked', async () => {
  const { sql } = database;
  const operator = await operatorAccount(sql);
  const key = generateApiKey();
  expect(key).toMatch(/^sk-karmesh-[\w-]{43}$/);
  await addApiKey(sql, { key, name: 'mine', nowMs: 5n });
  await addApiKey(sql, { key, name: 'again', nowMs: 6n });
  expect(await findApiKey(sql, { key, nowMs: 7n })).toEqual({ keyHash: hashApiKey(key), accountId: operator.id });
  expect(await findApiKey(sql, { key: `${key}x`, nowMs: 7n })).toBeUndefined();
  expect(await revokeApiKeys(sql, { name: 'mine', nowMs: 7n })).toBe(1);
  expect(await revokeApiKeys(sql, { name: 'mine', nowMs: 8n })).toBe(0);
  expect(await findApiKey(sql, { key, nowMs: 8n })).toBeUndefined();
  await addApiKey(sql, { key, name: 'mine', nowMs: 9n });
  expect(await findApiKey(sql, { key, nowMs: 9n })).toBeUndefined();
  expect(await listApiKeys(sql, { nowMs: 9n })).toEqual([
    {
      id: expect.stringMatching(/^key_[0-9a-f]{32}$/),
      name: 'mine',
      account: 'operator',
      capDayLamports: undefined,
      capTotalLamports: undefined,
      spentDayLamports: 0n,
      spentTotalLamports: 0n,
      createdAtMs: 5n,
      rotatedAtMs: undefined,
      revokedAtMs: 7n,
    },
  ]);
});

test('a rotated key stays the same key: its old secret ends after the overlap, its caps and what it spent stay', async () => {
  const { sql } = database;
  await addApiKey(sql, { key: 'sk-1', name: 'r', nowMs: 10n, capDayLamports: 5n, capTotalLamports: 9n });
  await sql
    .updateTable('api_keys')
    .set({ spent_total_lamports: 4n, spent_day_lamports: 3n })
    .where('name', '=', 'r')
    .execute();
  const found = await findApiKey(sql, { key: 'sk-1', nowMs: 11n });
  await rotateApiKey(sql, { name: 'r', secret: 'sk-2', nowMs: 20n, overlapMs: 10n });
  for (const key of ['sk-1', 'sk-2']) expect(await findApiKey(sql, { key, nowMs: 29n })).toEqual(found);
  expect(await findApiKey(sql, { key: 'sk-1', nowMs: 30n })).toBeUndefined();
  // Another rotation without an overlap ends both that were valid.
  await rotateApiKey(sql, { name: 'r', secret: 'sk-3', nowMs: 25n, overlapMs: 0n });
  for (const key of ['sk-1', 'sk-2']) expect(await findApiKey(sql, { key, nowMs: 25n })).toBeUndefined();
  expect(await findApiKey(sql, { key: 'sk-3', nowMs: 1_000n })).toEqual(found);
  const MS_PER_DAY = 86_400_000n;
  expect(await listApiKeys(sql, { nowMs: MS_PER_DAY })).toContainEqual(
    expect.objectContaining({
      name: 'r',
      capDayLamports: 5n,
      spentTotalLamports: 4n,
      spentDayLamports: 0n,
      rotatedAtMs: 25n,
    }),
  );
  expect(await listApiKeys(sql, { nowMs: MS_PER_DAY - 1n })).toContainEqual(
    expect.objectContaining({ name: 'r', spentDayLamports: 3n }),
  );
  await revokeApiKeys(sql, { name: 'r', nowMs: 40n });
  expect(await findApiKey(sql, { key: 'sk-3', nowMs: 41n })).toBeUndefined();
});

test('refuses to rotate a name that no key has, or two', async () => {
  const { sql } = database;
  const other = await addAccount(sql, {
    name: 'other',
    walletAddress: undefined,
    creditLimitLamports: 0n,
    createdAtMs: 1n,
  });
  const rotate = (name: string, accountId?: bigint) =>
    rotateApiKey(sql, { name, accountId, secret: generateApiKey(), nowMs: 1n, overlapMs: 0n });
  await addApiKey(sql, { key: 'sk-t1', name: 't', nowMs: 1n });
  await addApiKey(sql, { key: 'sk-t2', name: 't', nowMs: 1n, accountId: other.id });
  const message = 'There is not one valid key of this name.';
  await expect(rotate('nobody')).rejects.toMatchObject({ code: 'CONFIG_INVALID', message, facts: { keys: 0 } });
  await expect(rotate('t')).rejects.toMatchObject({ code: 'CONFIG_INVALID', message, facts: { keys: 2 } });
  await rotate('t', other.id);
  expect(await findApiKey(sql, { key: 'sk-t1', nowMs: 2n })).toBeDefined();
  expect(await findApiKey(sql, { key: 'sk-t2', nowMs: 2n })).toBeUndefined();
});

test('accounts have names and wallets of their own', async () => {
  const { sql } = database;
  const dave = { name: 'dave', walletAddress: new Uint8Array(32).fill(4), creditLimitLamports: 6n, createdAtMs: 2n };
  const { id } = await addAccount(sql, dave);
  expect(await findAccount(sql, 'dave')).toEqual({ ...dave, id });
  for (const same of [
    { ...dave, name: 'erin' },
    { ...dave, walletAddress: undefined },
  ])
    await expect(addAccount(sql, same)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  await expect(findAccount(sql, 'erin')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  expect((await listAccounts(sql)).map(({ name }) => name)).toEqual(['operator', 'other', 'dave']);
});
