import { expect, test } from 'vitest';
import { toHex } from './bytes.ts';
import { sha256 as native } from './sha256.node.ts';
import { sha256 } from './sha256.ts';

test('both platforms hash to the same bytes, of any length and of a part of a buffer', () => {
  const all = Uint8Array.from({ length: 3000 }, (_, i) => (i * 31) % 256);
  for (const length of [0, 1, 55, 56, 63, 64, 65, 127, 128, 190, 3000 - 7]) {
    const part = all.subarray(7, 7 + length);
    expect(native(part)).toEqual(sha256(part));
  }
});

// FIPS 180-4, appendix B.1.
test('both hash "abc" to the standard’s value', () => {
  const abc = new TextEncoder().encode('abc');
  const expected = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
  expect([native, sha256].map((each) => toHex(each(abc)))).toEqual([expected, expected]);
});
