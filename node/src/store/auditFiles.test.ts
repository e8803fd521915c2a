import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { AuditRecord } from '../worker/stores.ts';
import { openAuditFiles } from './auditFiles.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-audits-'));
});
afterEach(() => rm(folder, { recursive: true }));

function record(epoch: bigint, name: number): AuditRecord {
  return {
    receiptHash: new Uint8Array(32).fill(name),
    epoch,
    request: {
      modelId: new Uint8Array(32),
      assurance: 'quorum',
      maxTokens: 5,
      temperatureMicro: 0,
      stops: ['\n'],
      messages: [{ role: 'user', content: 'a question' }],
      blinding: new Uint8Array(32).fill(7),
    },
    tokens: [1, 2, 3],
    salt: new Uint8Array(24).fill(9),
  };
}

test('W-17: records come back after a restart, are readable by their owner alone, and are deleted by epoch', async () => {
  const store = await openAuditFiles(folder);
  for (const each of [record(3n, 1), record(4n, 2), record(11n, 3)]) await store.put(each);
  const again = await openAuditFiles(folder);
  expect(await again.get({ epoch: 4n, receiptHash: new Uint8Array(32).fill(2) })).toEqual(record(4n, 2));
  expect(await again.get({ epoch: 4n, receiptHash: new Uint8Array(32).fill(1) })).toBeUndefined();
  expect((await stat(join(folder, 'audits'))).mode & 0o777).toBe(0o700);
  const [file] = await readdir(join(folder, 'audits', '4'));
  expect((await stat(join(folder, 'audits', '4', file ?? ''))).mode & 0o777).toBe(0o600);
  await again.dropUpTo(4n);
  expect(await readdir(join(folder, 'audits'))).toEqual(['11']);
  await again.put(record(4n, 2));
  expect(await again.get({ epoch: 4n, receiptHash: new Uint8Array(32).fill(2) })).toEqual(record(4n, 2));
});

test('W-21: a process that comes back knows how many proofs it may owe, by epoch', async () => {
  const store = await openAuditFiles(folder);
  const asked = (each: AuditRecord): AuditRecord => ({ ...each, request: { ...each.request, assurance: 'proof' } });
  for (const each of [asked(record(3n, 1)), asked(record(3n, 2)), record(3n, 3), asked(record(4n, 4)), record(5n, 5)])
    await store.put(each);
  // What a killed process left half-written.
  await writeFile(join(folder, 'audits', '5', `${'0'.repeat(64)}.partial`), 'x');
  const again = await openAuditFiles(folder);
  expect(await again.countProofs()).toEqual(
    new Map([
      [3n, 2],
      [4n, 1],
    ]),
  );
});
