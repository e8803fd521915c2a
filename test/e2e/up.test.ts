import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const script = fileURLToPath(new URL('../../programs/localnet/src/up.ts', import.meta.url));
let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-up-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function up() {
  const args = [
    '--disable-warning=ExperimentalWarning',
    script,
    '--data-dir',
    folder,
    '--rpc-port=0',
    '--gateway-port=0',
  ];
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, NO_COLOR: '1' },
  });
  const lines: string[] = [];
  const reader = createInterface({ input: child.stderr });
  reader.on('line', (line) => lines.push(line));
  const ended = once(child, 'close').then(([code]) => Number(code));
  return { child, lines, reader, ended };
}

test('a second `up` on the same folder is refused and names the first; Ctrl-C ends the first with all that it started', {
  timeout: 120_000,
}, async () => {
  const first = up();
  await Promise.race([once(first.reader, 'line'), first.ended]);
  expect(first.lines).toEqual(['Starting a local Solana cluster …']);
  const second = up();
  expect(await second.ended).toBe(1);
  expect(second.lines[0]).toBe('✖ Another process uses this data folder.');
  expect(second.lines.join('\n')).toContain(`${first.child.pid}`);

  first.child.kill('SIGINT');
  expect(await first.ended).toBeGreaterThanOrEqual(0);
  // The folder is free again, down to the cluster's own lock: a third one starts.
  const third = up();
  await Promise.race([once(third.reader, 'line'), third.ended]);
  expect(third.lines).toEqual(['Starting a local Solana cluster …']);
  third.child.kill('SIGINT');
  await third.ended;
});
