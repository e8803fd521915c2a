import { BN, BorshAccountsCoder } from '@coral-xyz/anchor';
import { PublicKey } from '@solana/web3.js';
import { expect, test } from 'vitest';
import { ACCOUNT_SIZE, provenSize } from './accounts.ts';
import { decodeAccountFields } from './decodeAccountFields.ts';
import { idl } from './idl.ts';

const anchor = new BorshAccountsCoder(idl);
const sizes = Object.entries(ACCOUNT_SIZE).map(([name, size]) => [`${name[0]?.toUpperCase()}${name.slice(1)}`, size]);

/** An account of the type whose bytes all differ from their neighbours. */
function account(name: string, size: number): Buffer {
  const data = Buffer.from(Uint8Array.from({ length: size }, (_, i) => (i * 37 + 11) % 256));
  data.set(idl.accounts?.find((each) => each.name === name)?.discriminator ?? []);
  return data;
}

/** Values of either decoder in one form: integers as bigint or number, bytes and addresses as arrays. */
function plain(value: unknown): unknown {
  if (value instanceof BN) return BigInt(String(value));
  if (value instanceof PublicKey) return [...value.toBytes()];
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

test.each(sizes)('reads every field of %s as Anchor does', (name, size) => {
  const data = account(String(name), Number(size));
  expect(plain(decodeAccountFields(String(name), data))).toEqual(plain(anchor.decode(String(name), data)));
});

test.each(sizes)('refuses a %s of another type and of another size', (name, size) => {
  const data = account(String(name), Number(size));
  const refused = expect.objectContaining({ code: 'CODEC' });
  for (const wrong of [
    new Uint8Array(0),
    new Uint8Array(8),
    new Uint8Array(Number(size)),
    data.subarray(0, -1),
    Buffer.concat([data, Buffer.alloc(1)]),
  ]) {
    expect(() => decodeAccountFields(String(name), wrong)).toThrowError(refused);
  }
});

test('reads a list behind its count as Anchor does, and refuses a count that the account has not', () => {
  const data = account('Proven', provenSize(3));
  const at = provenSize(0) - 4;
  data.writeUInt32LE(3, at);
  expect(plain(decodeAccountFields('Proven', data))).toEqual(plain(anchor.decode('Proven', data)));
  for (const count of [0, 2, 4, 96, 97, 2 ** 32 - 1]) {
    data.writeUInt32LE(count, at);
    expect(() => decodeAccountFields('Proven', data)).toThrowError(expect.objectContaining({ code: 'CODEC' }));
  }
});
