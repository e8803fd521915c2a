import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { Connection, Keypair, type PublicKey } from '@solana/web3.js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startCluster } from '../../harness/cluster.ts';
import { rpcCall } from './rpcCall.ts';

const main = join(import.meta.dirname, '..', '..', '..', 'programs', 'localnet', 'src', 'main.ts');

describe('karmesh-localnet as a process', () => {
  let dataDir: string;

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'karmesh-process-'));
  });
  afterEach(async () => {
    await rm(dataDir, { recursive: true, force: true });
  });

  const start = (...flags: readonly string[]): ChildProcessWithoutNullStreams =>
    spawn(process.execPath, [
      '--disable-warning=ExperimentalWarning',
      main,
      '--port=0',
      `--data-dir=${dataDir}`,
      ...flags,
    ]);

  test('prints one line of JSON when it is ready, and ends in order on SIGTERM', async () => {
    const child = start('--json', '--log-level=error');
    const output = text(child.stdout);
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
    const ready = JSON.parse(line) as { rpcUrl: string; wsUrl: string; genesisHash: string };
    const port = Number(new URL(ready.rpcUrl).port);
    expect(ready).toEqual({
      rpcUrl: `http://127.0.0.1:${port}`,
      wsUrl: `ws://127.0.0.1:${port + 1}`,
      genesisHash: expect.any(String),
    });
    expect(await rpcCall(ready.rpcUrl, 'getGenesisHash')).toEqual({ result: ready.genesisHash });
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(await output).toBe(`${line}\n`);
  });

  test('refuses a folder that another process uses, and takes over from a killed one', async () => {
    await using cluster = await startCluster({ dataDir });
    const second = start('--json');
    const complaint = await text(second.stderr);
    await ended(second);
    expect(second.exitCode).toBe(1);
    expect(JSON.parse(complaint)).toMatchObject({
      error: {
        code: 'STORE_LOCKED',
        sentence: 'Another process uses this data folder.',
        facts: { path: join(dataDir, 'lock'), pid: cluster.pid },
      },
    });
    await cluster.kill();
    await using next = await startCluster({ dataDir });
    expect(await rpcCall(next.rpcUrl, 'getHealth')).toEqual({ result: 'ok' });
  });

  test('says what is wrong with its flags', async () => {
    const child = start('--slot-ms', '1');
    const complaint = await text(child.stderr);
    await ended(child);
    expect(child.exitCode).toBe(2);
    expect(complaint).toMatch(
      /^✖ The configuration has faults\.\n {2}--slot-ms: .*\n {2}See docs\/errors\.md#config_invalid\n$/,
    );
  });

  // `ulimit -f` makes the kernel refuse to let the log grow, as a full disk does; Windows has no such limit.
  test.skipIf(process.platform === 'win32')(
    'on a full disk it refuses with DISK_FULL, and has all that it confirmed once there is room',
    async () => {
      const confirmed: { to: PublicKey; signature: string }[] = [];
      let refusal: unknown;
      {
        const limit = 'trap "" XFSZ; ulimit -f 96; exec "$@"';
        const flags = ['--json', '--port=0', `--data-dir=${dataDir}`, '--slot-ms=400', '--log-level=silent'];
        const child = spawn('bash', ['-c', limit, 'bash', process.execPath, main, ...flags], {
          stdio: ['ignore', 'pipe', 'ignore'],
        });
        const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
        const { rpcUrl } = JSON.parse(line) as { rpcUrl: string };
        while (refusal === undefined) {
          const to = Keypair.generate().publicKey;
          const { result, error } = await rpcCall(rpcUrl, 'requestAirdrop', [to.toBase58(), 1_000_000]);
          if (error === undefined) confirmed.push({ to, signature: result as string });
          else {
            refusal = error;
            expect(await rpcCall(rpcUrl, 'getBalance', [to.toBase58()])).toMatchObject({ result: { value: 0 } });
          }
        }
        child.kill('SIGTERM');
        await ended(child);
      }
      expect(refusal).toEqual({
        code: -32_603,
        message: 'DISK_FULL: The disk is full; nothing was changed.',
        data: { code: 'DISK_FULL', docs: 'docs/errors.md#disk_full' },
      });
      expect(confirmed.length).toBeGreaterThan(10);

      await using cluster = await startCluster({ dataDir });
      const connection = new Connection(cluster.rpcUrl, 'confirmed');
      for (const { to, signature } of confirmed) {
        expect(await connection.getBalance(to)).toBe(1_000_000);
        expect((await connection.getSignatureStatus(signature)).value).toMatchObject({ err: null });
      }
      expect(await connection.requestAirdrop(Keypair.generate().publicKey, 1_000_000)).toEqual(expect.any(String));
    },
  );
});

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}
