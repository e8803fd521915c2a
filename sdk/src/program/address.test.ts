import { expect, test } from 'vitest';
import { addressFromBase58, SYSTEM_PROGRAM, toBase58 } from './address.ts';
import { toPublicKey } from './publicKey.ts';

test('reads what it writes', () => {
  const address = Uint8Array.from({ length: 32 }, (_, i) => 7 * i);
  expect(addressFromBase58(toBase58(address))).toEqual(address);
  expect(toPublicKey(address).toBytes()).toEqual(address);
  expect(toBase58(SYSTEM_PROGRAM)).toBe('11111111111111111111111111111111');
});

test.each([
  ['too short', 'abc'],
  ['not base58', '0OIl1111111111111111111111111111'],
  ['too long', '1'.repeat(33)],
  ['huge', '1'.repeat(100_000)],
])('refuses what is %s', (_, text) => {
  expect(() => addressFromBase58(text)).toThrowError(
    expect.objectContaining({ code: 'BAD_ARGUMENT', facts: { characters: text.length } }),
  );
});

test('refuses bytes that are no address', () => {
  expect(() => toPublicKey(new Uint8Array(31))).toThrowError(
    expect.objectContaining({ code: 'BAD_ARGUMENT', facts: { bytes: 31 } }),
  );
});
