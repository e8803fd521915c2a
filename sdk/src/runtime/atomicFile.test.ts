import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { writeFileAtomic } from './atomicFile.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-atomic-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('replaces the content and leaves nothing else behind', async () => {
  const path = join(folder, 'state.json');
  await writeFileAtomic({ path, bytes: 'old' });
  await writeFileAtomic({ path, bytes: new TextEncoder().encode('new') });
  expect(await readFile(path, 'utf8')).toBe('new');
  expect(await readdir(folder)).toEqual(['state.json']);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

test('a folder in the file’s place is an error that changes nothing', async () => {
  const path = join(folder, 'none', 'state.json');
  await expect(writeFileAtomic({ path, bytes: 'new' })).rejects.toMatchObject({
    code: 'STORE_FAILED',
    facts: { path, errno: 'ENOENT' },
  });
  expect(await readdir(folder)).toEqual([]);
});

test('gives the file the mode that was asked for over an older one', async () => {
  const path = join(folder, 'state.json');
  await writeFile(path, 'old');
  await chmod(path, 0o600);
  await writeFileAtomic({ path, bytes: 'new', mode: 0o644 });
  expect((await stat(path)).mode & 0o777).toBe(0o644);
});
