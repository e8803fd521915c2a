import { expect, test } from 'vitest';
import { KarmeshError } from '../errors.ts';
import { toHex } from './bytes.ts';
import {
  array,
  byteString,
  type Codec,
  decode,
  encode,
  fixedBytes,
  oneOf,
  struct,
  text,
  u8,
  u16,
  u32,
  u64,
  vector,
} from './codec.ts';

const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    return error instanceof KarmeshError ? error.code : `not ours: ${error}`;
  }
  return 'no error';
};

test('F-03: integers are little-endian and bounded', () => {
  expect(toHex(encode(u8, 255))).toBe('ff');
  expect(toHex(encode(u16, 258))).toBe('0201');
  expect(toHex(encode(u32, 0xfffefdfc))).toBe('fcfdfeff');
  expect(toHex(encode(u64, 2n ** 64n - 2n))).toBe('feffffffffffffff');
  for (const [codec, value] of [
    [u8, 256],
    [u8, -1],
    [u8, 1.5],
    [u8, Number.NaN],
    [u16, 65_536],
    [u32, 2 ** 32],
  ] as const)
    expect(codeOf(() => encode(codec, value))).toBe('CODEC');
  expect(codeOf(() => encode(u64, 2n ** 64n))).toBe('CODEC');
  expect(codeOf(() => encode(u64, -1n))).toBe('CODEC');
});

test('F-03: lengths stand before vectors, byte strings and texts, and are bounded both ways', () => {
  expect(toHex(encode(byteString(3), Uint8Array.of(1, 2, 3)))).toBe('03000000010203');
  expect(toHex(encode(vector(u16, 2), [1, 2]))).toBe('0200000001000200');
  expect(toHex(encode(text(8), 'é'))).toBe('02000000c3a9');
  expect(codeOf(() => encode(byteString(2), Uint8Array.of(1, 2, 3)))).toBe('CODEC');
  expect(codeOf(() => encode(vector(u16, 1), [1, 2]))).toBe('CODEC');
  expect(codeOf(() => encode(text(1), 'é'))).toBe('CODEC');
  expect(codeOf(() => decode(byteString(2), Uint8Array.of(3, 0, 0, 0, 1, 2, 3)))).toBe('CODEC');
  expect(codeOf(() => decode(vector(u16, 1), Uint8Array.of(2, 0, 0, 0, 1, 0, 2, 0)))).toBe('CODEC');
});

test('F-03: a huge length with nothing behind it fails without allocating', () => {
  const huge = Uint8Array.of(0xff, 0xff, 0xff, 0x0f);
  expect(codeOf(() => decode(vector(u64, 2 ** 28), huge))).toBe('CODEC');
  expect(codeOf(() => decode(byteString(2 ** 28), huge))).toBe('CODEC');
  expect(codeOf(() => decode(text(2 ** 28), huge))).toBe('CODEC');
});

test('F-03: text keeps every scalar value, and refuses what has no UTF-8 form', () => {
  for (const value of ['', 'a', '\uFEFFstart', '𝕂arma', '\u0000'])
    expect(decode(text(64), encode(text(64), value))).toBe(value);
  expect(codeOf(() => encode(text(64), '\ud800'))).toBe('CODEC');
  for (const bytes of [[0xc0, 0x80], [0xed, 0xa0, 0x80], [0xff], [0xe2, 0x82]])
    expect(codeOf(() => decode(text(64), Uint8Array.of(bytes.length, 0, 0, 0, ...bytes)))).toBe('CODEC');
});

test('F-03: alternatives count from 1, so that zeroed bytes never decode', () => {
  const codec = oneOf(['first', 'second']);
  expect([decode(codec, Uint8Array.of(1)), decode(codec, Uint8Array.of(2))]).toEqual(['first', 'second']);
  expect([0, 3, 255].map((byte) => codeOf(() => decode(codec, Uint8Array.of(byte))))).toEqual([
    'CODEC',
    'CODEC',
    'CODEC',
  ]);
  expect(codeOf(() => encode(codec, 'third' as 'first'))).toBe('CODEC');
});

test('F-03: a struct writes its fields in order; short and long messages are refused', () => {
  const codec = struct({ a: u8, b: fixedBytes(2), c: array(u16, 2) });
  const value = { a: 1, b: Uint8Array.of(2, 3), c: [4, 5] };
  expect(codec.size).toBe(7);
  expect(toHex(encode(codec, value))).toBe('01020304000500');
  expect(decode(codec, encode(codec, value))).toEqual(value);
  expect(codeOf(() => decode(codec, encode(codec, value).subarray(0, 6)))).toBe('CODEC');
  expect(codeOf(() => decode(codec, Uint8Array.of(...encode(codec, value), 0)))).toBe('CODEC');
  expect(codeOf(() => encode(codec, { ...value, b: Uint8Array.of(1) }))).toBe('CODEC');
  expect(codeOf(() => encode(codec, { ...value, c: [1] }))).toBe('CODEC');
});

test('F-03: decoded bytes are copies, also out of a Buffer whose memory is used again', () => {
  const codec: Codec<Uint8Array> = fixedBytes(4);
  const buffer = Buffer.from([1, 2, 3, 4]);
  const decoded = decode(codec, buffer);
  buffer.fill(0);
  expect(decoded).toStrictEqual(Uint8Array.of(1, 2, 3, 4));
});

test('F-03: a vector of more elements than a call has arguments is written', () => {
  const codec = vector(u32, 1 << 18);
  const value = Array.from({ length: 1 << 18 }, (_, i) => i);
  expect(decode(codec, encode(codec, value)).at(-1)).toBe((1 << 18) - 1);
});
