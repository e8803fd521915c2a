import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { killRounds } from './killRounds.ts';

test('the store keeps every acknowledged row through 100 kills with SIGKILL, 25 of them in its first initialisation', {
  timeout: 1_800_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'karmesh-kill-'));
  try {
    const result = await killRounds({ folder, initialisationKills: 25, writeKills: 75 });
    expect(result).toEqual({ kills: 100, acknowledged: expect.any(BigInt), lost: 0n, failedOpens: [] });
    expect(result.acknowledged).toBeGreaterThan(1000n);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
