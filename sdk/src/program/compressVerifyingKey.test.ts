import { expect, test } from 'vitest';
import { concatBytes, fromHex } from '../protocol/bytes.ts';
import { compressVerifyingKey } from './compressVerifyingKey.ts';

const BASE_ORDER = 21888242871839275222246405745257275088696311157297823662689037894645226208583n;
const number = (value: bigint): Uint8Array => fromHex(value.toString(16).padStart(64, '0'));
const point = (...coordinates: readonly bigint[]): Uint8Array => concatBytes(...coordinates.map(number));
/** As the coordinates of x with or without the mark of the greater y. */
const marked = (...x: readonly bigint[]): Uint8Array => {
  const out = point(...x);
  out[0] = (out[0] ?? 0) | 0x80;
  return out;
};

// The test of the program's register_layer compresses points of the curve and reads them again; here they need not be any.
test('marks the greater y, by its imaginary part unless that is zero', () => {
  const half = (BASE_ORDER - 1n) / 2n;
  const key = concatBytes(
    point(1n, half),
    point(2n, 3n, half, half + 1n),
    point(2n, 3n, half + 1n, 1n),
    point(2n, 3n, 0n, BASE_ORDER - 1n),
    point(4n, half + 1n),
    point(5n, BASE_ORDER - 1n),
    point(0n, 0n),
  );
  expect(compressVerifyingKey(key)).toEqual({
    alpha: point(1n),
    beta: point(2n, 3n),
    gamma: marked(2n, 3n),
    delta: marked(2n, 3n),
    inputs: [marked(4n), marked(5n), point(0n)],
  });
});

test.each([0, 447, 448, 511, 513, 575])('refuses a key of %i bytes', (length) => {
  expect(() => compressVerifyingKey(new Uint8Array(length))).toThrowError(
    expect.objectContaining({ code: 'BAD_ARGUMENT', facts: { bytes: length } }),
  );
});
