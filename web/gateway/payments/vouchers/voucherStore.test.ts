import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const script = fileURLToPath(new URL('./fixtures/keepingProcess.ts', import.meta.url));

/** Runs one process until so many vouchers are kept, and kills it with SIGKILL: what it found, and the greatest that it acknowledged. */
async function keepUntilKilled(
  folder: string,
  killAfter: number,
): Promise<{ readonly found: bigint; readonly greatest: bigint }> {
  const child = spawn(execPath, ['--disable-warning=ExperimentalWarning', script, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = new Promise((resolve) => child.once('close', resolve));
  let found = -1n;
  let greatest = 0n;
  let count = 0;
  for await (const line of createInterface(child.stdout)) {
    if (line.startsWith('opened ')) found = BigInt(line.slice('opened '.length));
    else {
      const cumulative = BigInt(line);
      if (cumulative > greatest) greatest = cumulative;
      count += 1;
      if (count === killAfter) child.kill('SIGKILL');
    }
  }
  await closed;
  return { found, greatest };
}

test('M-09: no voucher that was acknowledged is lost to kills with SIGKILL, and the greatest holds', {
  timeout: 300_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'karmesh-vouchers-'));
  try {
    let before = 0n;
    for (const killAfter of [10, 61, 2]) {
      const { found, greatest } = await keepUntilKilled(folder, killAfter);
      expect(found).toBeGreaterThanOrEqual(before);
      expect(greatest).toBeGreaterThan(found);
      before = greatest;
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
