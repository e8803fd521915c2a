import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { named, protectionOwner } from '../fixtures/market.ts';
import { openProtection } from '../slashingProtection/openProtection.ts';
import { protectionPath } from '../slashingProtection/protectionLog.ts';
import { checkProtection } from './checkProtection.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'validator-doctor-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

test('a log is read while its validator runs, and is this validator’s or refused', async () => {
  const owner = protectionOwner();
  expect((await checkProtection(folder, owner)).severity).toBe('warning');
  await using protection = await openProtection({ path: protectionPath(folder), owner });
  await protection.attest({ epoch: 4n, manifestHash: named('manifest'), salt: named('salt') });
  expect(await checkProtection(folder, owner)).toEqual({
    severity: 'ok',
    sentence:
      'The protection log can be read and is this validator’s: newest attestation epoch 4, root vote none, verdict none.',
  });
  expect((await checkProtection(folder, undefined)).severity).toBe('ok');
  await expect(checkProtection(folder, protectionOwner(named('another')))).rejects.toMatchObject({
    code: 'SLASHING_PROTECTION',
  });
});
