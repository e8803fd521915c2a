import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkDisk, judgeDisk } from './checkDisk.ts';

const GIB = 2 ** 30;

test('room and speed are judged, the worse first', () => {
  const severity = (gib: number, syncMs: number) => judgeDisk({ bytes: gib * GIB, syncMs }).severity;
  expect([severity(100, 2), severity(5, 2), severity(0.5, 2), severity(100, 80), severity(100, 2_000)]).toEqual([
    'ok',
    'warning',
    'failed',
    'warning',
    'failed',
  ]);
});

test('it measures the folder, which it makes, and leaves nothing behind; a file in its place is a fault', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'validator-disk-'));
  const { signal } = new AbortController();
  const nowMs = () => performance.now();
  const found = await checkDisk(join(folder, 'data'), { signal, nowMs });
  expect(found.sentence).toMatch(/^The data folder has \d+\.\d GiB left, and a sync takes \d+\.\d ms\.$/);
  expect(await readdir(join(folder, 'data'))).toEqual([]);
  await writeFile(join(folder, 'file'), '');
  await expect(checkDisk(join(folder, 'file'), { signal, nowMs })).rejects.toMatchObject({ code: 'STORE_FAILED' });
  await rm(folder, { recursive: true });
});
