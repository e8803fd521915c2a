import { spawn } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { fileURLToPath } from 'node:url';
import { chooseCluster } from '@karmesh/sdk/clusters/choose';
import { createKeypairFile } from '@karmesh/sdk/runtime';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readManifest } from './readManifest.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-gateway-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const script = fileURLToPath(new URL('./main.ts', import.meta.url));

/** Runs the program to its end; every case here ends by itself. */
function run(
  ...args: string[]
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(execPath, ['--disable-warning=ExperimentalWarning', script, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

const errorOf = (stderr: string): unknown => JSON.parse(stderr.trim().split('\n').at(-1) ?? '');

test('says what is wrong, with the exit code for it', { timeout: 120_000 }, async () => {
  const missing = join(folder, 'missing.json');
  const open = join(folder, 'open.json');
  const good = join(folder, 'good.json');
  await createKeypairFile(open);
  await createKeypairFile(good);
  await chmod(open, 0o644);
  const unreachable = 'http://127.0.0.1:9';
  const [help, unknown, none, wrongMode, down] = await Promise.all([
    run('--help'),
    run('--json', '--keypair', good, '--colour', 'red'),
    run('--json', '--keypair', missing),
    run('--json', '--keypair', open),
    run('--json', '--keypair', good, '--url', unreachable),
  ]);
  expect([help.code, help.stdout.split('\n')[0]]).toEqual([0, 'Usage: karmesh gateway [options]']);
  expect([unknown.code, errorOf(unknown.stderr)]).toMatchObject([2, { error: { code: 'CONFIG_INVALID' } }]);
  expect([none.code, errorOf(none.stderr)]).toMatchObject([1, { error: { code: 'KEYPAIR_INVALID' } }]);
  expect([wrongMode.code, errorOf(wrongMode.stderr)]).toMatchObject([1, { error: { code: 'KEYPAIR_MODE' } }]);
  expect([down.code, errorOf(down.stderr)]).toMatchObject([1, { error: { code: 'RPC_UNREACHABLE' } }]);
  expect([unknown.stdout, none.stdout, wrongMode.stdout, down.stdout]).toEqual(['', '', '', '']);
});

test('keys: makes, lists and ends keys', { timeout: 240_000 }, async () => {
  const dataDir = join(folder, 'keys');
  const keys = (...args: string[]) => run('keys', ...args, '--json', '--data-dir', dataDir);
  const [noName, unknown] = await Promise.all([keys('add'), keys('burn', 'alice')]);
  expect([noName.code, unknown.code]).toEqual([2, 2]);
  const added = JSON.parse((await keys('add', 'alice')).stdout);
  expect(added).toEqual({ name: 'alice', key: expect.stringMatching(/^sk-karmesh-/) });
  expect(JSON.parse((await keys('list')).stdout)).toMatchObject([{ name: 'alice', account: 'operator' }]);
});

const hex = (byte: string) => byte.repeat(32);
const manifest = {
  name: 'tiny',
  fileHash: hex('01'),
  fileBytes: '3486784401',
  architecture: 'llama',
  quantisation: 'Q8_0',
  tokenizerHash: hex('02'),
  templateHash: hex('03'),
  totalParameters: '3000000',
  activeParameters: '3000000',
  contextLength: 512,
  vocabulary: 32_000,
  licence: 'Apache-2.0',
};

test('reads a manifest as toJson writes it, and refuses any other', async () => {
  const path = join(folder, 'model.json');
  const write = (value: unknown) => writeFile(path, typeof value === 'string' ? value : JSON.stringify(value));
  await write(manifest);
  expect((await readManifest(path)).manifest).toMatchObject({
    name: 'tiny',
    fileBytes: 3_486_784_401n,
    fileHash: new Uint8Array(32).fill(1),
  });
  for (const wrong of [
    '{',
    {},
    { ...manifest, fileHash: 'ab' },
    { ...manifest, fileBytes: 5 },
    { ...manifest, more: 1 },
  ]) {
    await write(wrong);
    await expect(readManifest(path)).rejects.toMatchObject({ code: 'MODEL_INVALID' });
  }
  await expect(readManifest(join(folder, 'none.json'))).rejects.toMatchObject({ code: 'MODEL_INVALID' });
});

test('takes a cluster by its name or by a URL', async () => {
  const config = { url: 'localnet', programId: undefined, clusterFile: undefined };
  expect(await chooseCluster(config)).toMatchObject({ rpcUrl: 'http://127.0.0.1:8899', isLocal: true });
  expect(await chooseCluster({ ...config, url: 'https://rpc.example.org' })).toMatchObject({
    rpcUrl: 'https://rpc.example.org',
    isLocal: false,
  });
  await expect(chooseCluster({ ...config, url: 'nowhere' })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  const clusterFile = join(folder, 'cluster.json');
  await writeFile(clusterFile, '{');
  await expect(chooseCluster({ ...config, clusterFile })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});
