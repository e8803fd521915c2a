import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { doppelgangerMark } from './doppelgangerMark.ts';

test('V-26: the mark stays until it is cleared, and clearing twice is no fault', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'validator-mark-'));
  const mark = doppelgangerMark(folder);
  expect(await mark.isSet()).toBe(false);
  await mark.set('Another process was seen.');
  expect([await doppelgangerMark(folder).isSet(), await readdir(folder)]).toEqual([true, ['another-process-was-seen']]);
  await mark.clear();
  await mark.clear();
  expect(await mark.isSet()).toBe(false);
  await rm(folder, { recursive: true });
});
