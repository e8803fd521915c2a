import { expect, test } from 'vitest';
import { openTestDatabase } from '../store/fixtures/testDatabase.ts';
import { lastEntered, readTip } from './logStore.ts';
import { logMigration } from './migration.ts';

test('the tables of the log come and go', async () => {
  await using database = await openTestDatabase();
  const stored = { db: database.db };
  await logMigration.down?.(database.db.sql);
  await expect(readTip(stored)).rejects.toThrow('relation "log_events" does not exist');
  await logMigration.up(database.db.sql);
  expect([await readTip(stored), await lastEntered(stored)]).toEqual([{ size: 0, peaks: [] }, 0n]);
});
