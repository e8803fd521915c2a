import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Connection, PublicKey } from '@solana/web3.js';
import { expect, test } from 'vitest';
import { toBase58 } from './address.ts';
import { PROGRAM_ID } from './programId.ts';
import { checkProgramHash, elfHash, readProgram } from './readProgram.ts';

const root = new URL('../../../programs/karma/', import.meta.url);
const elf = await readFile(new URL('karma.so', root));
const released = (await readFile(new URL('karma.so.sha256', root), 'utf8')).slice(0, 64);
const { signal } = new AbortController();

test('V-27: zeros behind a program’s file are no part of it, and anything else is', () => {
  expect(elfHash(elf)).toBe(released);
  const grown = Buffer.concat([elf, Buffer.alloc(4_096)]);
  expect(elfHash(grown)).toBe(released);
  grown[grown.length - 1] = 1;
  expect(elfHash(grown)).toBe(createHash('sha256').update(grown).digest('hex'));
  const patched = Buffer.from(elf);
  patched[100_000] = (patched[100_000] ?? 0) ^ 1;
  expect(elfHash(patched)).not.toBe(released);
  expect(elfHash(new Uint8Array(3))).toHaveLength(64);
});

type Held = { readonly owner: string; readonly data: Uint8Array };

/** A connection whose node holds these accounts. */
function holding(accounts: Readonly<Record<string, Held>>): Connection {
  const connection = new Connection('http://127.0.0.1:9', 'confirmed');
  connection.getAccountInfo = async (key: PublicKey) => {
    const held = accounts[key.toBase58()];
    if (held === undefined) return null;
    return { data: Buffer.from(held.data), owner: new PublicKey(held.owner), executable: true, lamports: 1 };
  };
  return connection;
}

const upgradeable = 'BPFLoaderUpgradeab1e11111111111111111111111';
const dataAddress = new Uint8Array(32).fill(9);
const authority = new Uint8Array(32).fill(7);
function upgradeableAccounts(authorityBytes: Uint8Array, hasAuthority: boolean): Readonly<Record<string, Held>> {
  const header = Buffer.alloc(45);
  header.writeUInt32LE(3, 0);
  header[12] = hasAuthority ? 1 : 0;
  header.set(authorityBytes, 13);
  return {
    [toBase58(PROGRAM_ID)]: { owner: upgradeable, data: Buffer.concat([Buffer.from([2, 0, 0, 0]), dataAddress]) },
    [toBase58(dataAddress)]: { owner: upgradeable, data: Buffer.concat([header, elf, Buffer.alloc(64)]) },
  };
}
const read = (accounts: Readonly<Record<string, Held>>) =>
  readProgram(holding(accounts), { programId: PROGRAM_ID, signal });

test('V-27: a program of either loader is read, with who may replace it', async () => {
  const plain = 'BPFLoader2111111111111111111111111111111111';
  expect(await read({ [toBase58(PROGRAM_ID)]: { owner: plain, data: elf } })).toEqual({ sha256: released });
  expect(await read(upgradeableAccounts(authority, true))).toEqual({ sha256: released, upgradeAuthority: authority });
  expect(await read(upgradeableAccounts(authority, false))).toEqual({ sha256: released });
  expect(await read(upgradeableAccounts(new Uint8Array(32), true))).toEqual({ sha256: released });
});

test('V-27: no program, a closed one and another build are refused', async () => {
  await expect(read({})).rejects.toMatchObject({ code: 'PROGRAM_MISMATCH' });
  const { [toBase58(PROGRAM_ID)]: program } = upgradeableAccounts(authority, true);
  if (program === undefined) throw new RangeError('The fixture has a program.');
  await expect(read({ [toBase58(PROGRAM_ID)]: program })).rejects.toThrow('The program at this address was closed.');
  await expect(read({ [toBase58(PROGRAM_ID)]: { ...program, owner: toBase58(authority) } })).rejects.toThrow(
    'What is at this address is not a program of a loader known here.',
  );
  const other = { sha256: '0'.repeat(64), upgradeAuthority: undefined };
  expect(() => checkProgramHash(other, { expected: released, programId: PROGRAM_ID })).toThrow(
    'The cluster runs another build of the karma program than this release.',
  );
});
