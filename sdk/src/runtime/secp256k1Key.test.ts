import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fromHex, toHex } from '../protocol/bytes.ts';
import { createSecp256k1KeyFile, loadSecp256k1Key, secp256k1KeyFromSecret } from './secp256k1Key.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-evm-key-'));
  path = join(folder, 'evm.key');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function put(content: string, mode = 0o600): Promise<void> {
  await writeFile(path, content, { mode });
  await chmod(path, mode);
}

test('has the address that EVM tools give a key', async () => {
  // The first account of the mnemonic that all development chains share.
  await put('0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80\n');
  expect(toHex((await loadSecp256k1Key(path)).address)).toBe('f39fd6e51aad88f6f4ce6ab8827279cfffb92266');
});

test('signs a digest so that its key can be recovered, with s in the lower half', () => {
  const key = secp256k1KeyFromSecret(new Uint8Array(32).fill(3));
  const digest = new Uint8Array(32).fill(9);
  const { r, s, recoveryId } = key.sign(digest);
  const recovered = new secp256k1.Signature(BigInt(`0x${toHex(r)}`), BigInt(`0x${toHex(s)}`), recoveryId)
    .recoverPublicKey(digest)
    .toBytes();
  expect(recovered).toEqual(secp256k1.getPublicKey(key.secretKey()));
  expect(BigInt(`0x${toHex(s)}`) <= secp256k1.Point.Fn.ORDER / 2n).toBe(true);
});

test('a created file has mode 0600, loads again and is never overwritten', async () => {
  const made = await createSecp256k1KeyFile(path);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  const before = await readFile(path, 'utf8');
  expect((await loadSecp256k1Key(path)).secretKey()).toEqual(made.secretKey());
  await expect(createSecp256k1KeyFile(path)).rejects.toMatchObject({ code: 'KEYPAIR_INVALID', facts: { path } });
  expect(await readFile(path, 'utf8')).toBe(before);
});

test('a key shows its secret neither in JSON nor to a logger', () => {
  expect(Object.keys(JSON.parse(JSON.stringify(secp256k1KeyFromSecret(new Uint8Array(32).fill(3)))))).toEqual([
    'address',
  ]);
});

const digits = '5a'.repeat(32);
test.each([
  ['others can read it', `0x${digits}`, 0o644, 'KEYPAIR_MODE'],
  ['it has no 0x', digits, 0o600, 'KEYPAIR_INVALID'],
  ['a digit is missing', `0x${digits.slice(1)}`, 0o600, 'KEYPAIR_INVALID'],
  ['more follows', `0x${digits}\n0x${digits}`, 0o600, 'KEYPAIR_INVALID'],
  ['it is 0', `0x${'00'.repeat(32)}`, 0o600, 'KEYPAIR_INVALID'],
  ['it is the order', `0x${secp256k1.Point.Fn.ORDER.toString(16)}`, 0o600, 'KEYPAIR_INVALID'],
])('refuses a file if %s, and quotes nothing of it', async (_name, content, mode, code) => {
  await put(content, mode);
  const error: unknown = await loadSecp256k1Key(path).catch((caught: unknown) => caught);
  expect(error).toMatchObject({ code, facts: { path } });
  expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain(digits.slice(2, 12));
});

test('bytes of another length are no key', () => {
  expect(() => secp256k1KeyFromSecret(fromHex('11'))).toThrow('These bytes are no secp256k1 key.');
});
