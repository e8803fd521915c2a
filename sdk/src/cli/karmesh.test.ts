import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { toBase58 } from '../program/index.ts';
import { toHex } from '../protocol/index.ts';
import { loadKeypair, loadSecp256k1Key } from '../runtime/index.ts';
import { type Ended, runProgram } from './fixtures/runProgram.ts';

const script = fileURLToPath(new URL('./karmesh.ts', import.meta.url));
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-cli-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs `karmesh` in an empty folder with an empty home. */
function karmesh(...args: readonly string[]): Promise<Ended> {
  return runProgram(script, [...args], { folder });
}

test.each([
  ['an unknown command', ['frobnicate'], 'There is no command "frobnicate".'],
  ['an unknown member of a group', ['receipt', 'frobnicate'], 'There is no command "receipt frobnicate".'],
  ['a question without words', ['ask', '--api-key', 'sk-x', ' '], 'There is no question.'],
  [
    'a request id of another shape',
    ['receipt', 'fetch', '--api-key', 'sk-x', 'abc'],
    'A request id is 64 hexadecimal digits.',
  ],
  [
    'a request id of which nobody may ask',
    ['ticket', 'verify', '00'.repeat(32)],
    'A ticket is fetched by its request’s id with the key that asked: name --api-key, or a file.',
  ],
  ['an address that is none', ['airdrop', 'nobody'], 'An address is 32 bytes in base58.'],
  ['a cluster that is none', ['karma', 'show', '--url', 'nowhere'], 'The cluster is neither a known name nor a URL.'],
] as const)('%s is a usage error', async (_, args, sentence) => {
  const { code, stdout, stderr } = await karmesh(...args);
  expect({ code, stdout, first: stderr.split('\n')[0] }).toEqual({ code: 2, stdout: '', first: `✖ ${sentence}` });
});

test('keygen shows the address of a new file and overwrites none', async () => {
  const path = join(folder, 'owner.json');
  const made = await karmesh('keygen', path);
  expect(made).toMatchObject({ code: 0, stderr: '' });
  expect(made.stdout).toMatch(/^[1-9A-HJ-NP-Za-km-z]{32,44}\n$/);
  const { publicKey } = await loadKeypair(path);
  expect(made.stdout.trim()).toBe(toBase58(publicKey));

  const again = await karmesh('keygen', path);
  expect({ ...again, stderr: again.stderr.split('\n')[0] }).toEqual({
    code: 1,
    stdout: '',
    stderr: '✖ A keypair file is already there.',
  });
});

test('keygen --evm shows the address of a new key of EVM chains', async () => {
  const path = join(folder, 'evm.key');
  const made = await karmesh('keygen', '--evm', path);
  const { address } = await loadSecp256k1Key(path);
  expect(made).toEqual({ code: 0, stdout: `0x${toHex(address)}\n`, stderr: '' });
});

test('a group alone lists its members', async () => {
  const { code, stdout } = await karmesh('receipt', '--help');
  expect(code).toBe(0);
  expect(stdout.split('\n').map((line) => line.split('  ')[0])).toEqual([
    'karmesh receipt fetch',
    'karmesh receipt verify',
    '',
  ]);
});

test('a file that is no bundle is an expected failure, in words and in JSON', async () => {
  const path = join(folder, 'bundle.json');
  await writeFile(path, '{"format":"karmesh-bundle-1","parts":{}}');
  const inWords = await karmesh('receipt', 'verify', path);
  expect(inWords).toMatchObject({ code: 1, stdout: '' });
  expect(inWords.stderr).toContain('✖ A part of the bundle is missing.');
  expect(inWords.stderr).toContain('docs/errors.md#bundle_invalid');
  const inJson = await karmesh('receipt', 'verify', path, '--json');
  expect(JSON.parse(inJson.stderr)).toMatchObject({ error: { code: 'BUNDLE_INVALID' } });
});

test('a file that holds no ticket is an expected failure', async () => {
  const path = join(folder, 'ticket.json');
  const said: string[] = [];
  for (const content of ['{"ticket":"00"}', '{"ticket":"', '{}']) {
    await writeFile(path, content);
    const { code, stderr } = await karmesh('ticket', 'verify', path);
    said.push(`${code} ${stderr.split('\n')[0]}`);
  }
  expect(said).toEqual([
    '1 ✖ The file holds no signed ticket.',
    '1 ✖ The file of the ticket cannot be read as JSON.',
    '1 ✖ This is not a receipt bundle of a known format.',
  ]);
});

test('a gateway that refuses is quoted', async () => {
  const server = createServer((_, response) => {
    response.writeHead(401, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ error: { message: 'Incorrect API key provided.', code: 'invalid_api_key' } }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const { code, stderr } = await karmesh('ask', '--gateway', `http://127.0.0.1:${port}`, '--api-key', 'sk-x', 'Hello?');
  server.close();
  expect(code).toBe(1);
  expect(stderr).toContain('✖ Incorrect API key provided.');
});
