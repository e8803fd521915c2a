import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ed25519 } from '@noble/curves/ed25519.js';
import { Keypair as SolanaKeypair } from '@solana/web3.js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createKeypairFile, generateKeypair, keypairFromSecret, loadKeypair } from './keypair.ts';
import { isPrivate } from './secretFile.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-key-'));
  path = join(folder, 'id.json');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const secret = ed25519.keygen(new Uint8Array(32).fill(7));
const valid = [...secret.secretKey, ...secret.publicKey];

async function put(content: string, mode = 0o600): Promise<void> {
  await writeFile(path, content, { mode });
  await chmod(path, mode);
}

test('reads the file that the Solana CLI writes, and signs as it does', async () => {
  const solana = SolanaKeypair.generate();
  await put(JSON.stringify(Array.from(solana.secretKey)));
  const keypair = await loadKeypair(path);
  expect(keypair.publicKey).toEqual(solana.publicKey.toBytes());
  expect(keypair.secretKey()).toEqual(new Uint8Array(solana.secretKey));
  const message = new TextEncoder().encode('a message');
  expect(ed25519.verify(keypair.sign(message), message, keypair.publicKey)).toBe(true);
});

test('a created file has mode 0600, loads again and is never overwritten', async () => {
  const made = await createKeypairFile(path);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  const before = await readFile(path, 'utf8');
  expect((await loadKeypair(path)).secretKey()).toEqual(made.secretKey());
  await expect(createKeypairFile(path)).rejects.toMatchObject({
    code: 'KEYPAIR_INVALID',
    message: 'A keypair file is already there.',
    facts: { path },
  });
  expect(await readFile(path, 'utf8')).toBe(before);
});

test('a keypair shows its secret neither in JSON nor to a logger', () => {
  const keypair = generateKeypair();
  const shown = JSON.stringify(keypair);
  expect(shown).not.toContain(Array.from(keypair.secretKey().subarray(0, 32)).join(','));
  expect(Object.keys(JSON.parse(shown))).toEqual(['publicKey']);
});

test('mode 0400 is as private, and so is what root hands to one user', async () => {
  await put(JSON.stringify(valid), 0o400);
  expect((await loadKeypair(path)).publicKey).toHaveLength(32);
  expect([
    isPrivate({ mode: 0o100440, uid: 0, ownUid: 998 }),
    isPrivate({ mode: 0o100440, uid: 998, ownUid: 998 }),
    isPrivate({ mode: 0o100444, uid: 0, ownUid: 998 }),
    isPrivate({ mode: 0o100460, uid: 0, ownUid: 998 }),
  ]).toEqual([true, false, false, false]);
});

test.each([0o644, 0o640, 0o440, 0o700])('mode %o is refused', async (mode) => {
  await put(JSON.stringify(valid), mode);
  await expect(loadKeypair(path)).rejects.toMatchObject({
    code: 'KEYPAIR_MODE',
    message: 'The keypair file must have mode 0600 or 0400.',
    facts: { path, mode: `0${mode.toString(8)}` },
  });
});

describe('shape', () => {
  test.each([
    ['no JSON', 'xyz', 'The keypair file is not JSON.'],
    ['an object', '{"key":[1]}', 'The keypair file is not an array of 64 bytes.'],
    ['too few', JSON.stringify(valid.slice(1)), 'The keypair file is not an array of 64 bytes.'],
    ['no byte', JSON.stringify([256, ...valid.slice(1)]), 'The keypair file is not an array of 64 bytes.'],
    ['a fraction', JSON.stringify([0.5, ...valid.slice(1)]), 'The keypair file is not an array of 64 bytes.'],
    [
      'a foreign public half',
      JSON.stringify([...valid.slice(0, 63), (valid[63] ?? 0) ^ 1]),
      'The public half of the keypair is not that of its secret half.',
    ],
    ['too long', `[${'1,'.repeat(600)}1]`, 'The keypair file is too long.'],
  ])('%s is refused', async (_name, content, message) => {
    await put(content);
    await expect(loadKeypair(path)).rejects.toMatchObject({ code: 'KEYPAIR_INVALID', message });
  });

  test('no error quotes what is in the file', async () => {
    await put(JSON.stringify(valid).slice(0, -1));
    const error: unknown = await loadKeypair(path).catch((caught: unknown) => caught);
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain(valid.slice(0, 8).join(','));
  });

  test('a missing file is named', async () => {
    await expect(loadKeypair(path)).rejects.toMatchObject({
      code: 'KEYPAIR_INVALID',
      facts: { path, errno: 'ENOENT' },
    });
  });

  test('a secret of another length is refused', () => {
    expect(() => keypairFromSecret(new Uint8Array(32))).toThrow('A keypair is 64 bytes.');
  });
});
