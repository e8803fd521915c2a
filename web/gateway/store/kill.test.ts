import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { killRounds } from './killRounds.ts';

test('the store keeps every acknowledged row through kills with SIGKILL', { timeout: 300_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'karmesh-kill-'));
  try {
    const result = await killRounds({ folder, initialisationKills: 1, writeKills: 3 });
    expect(result).toEqual({ kills: 4, acknowledged: expect.any(BigInt), lost: 0n, failedOpens: [] });
    expect(result.acknowledged).toBeGreaterThan(0n);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
