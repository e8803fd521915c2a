import { expect, test } from 'vitest';
import { type Groups, groupDecoder } from './decodeGroups.ts';
import { halfValue } from './halfFloat.ts';

/** One group of a type. */
function decode(type: string, bytes: Uint8Array): { readonly scale: number; readonly weights: readonly number[] } {
  const into: Groups = { weights: new Int8Array(32), scales: new Uint16Array(1) };
  groupDecoder(type)?.decode(bytes, into);
  return { scale: halfValue(into.scales[0] ?? 0), weights: [...into.weights] };
}

const floats = (...values: readonly number[]): Uint8Array => {
  const group = new Float32Array(32);
  group.set(values);
  return new Uint8Array(group.buffer);
};

/** The next 32-bit float towards zero. */
const under = (value: number): number => {
  const word = new Int32Array(Float32Array.of(value).buffer);
  return new Float32Array(Int32Array.of((word[0] ?? 0) - 1).buffer)[0] ?? 0;
};

test('X-10: halves are rounded away from zero, and what is just under a half is not', () => {
  const ties = Array.from({ length: 15 }, (_, i) => i * 8 + 0.5).flatMap((tie) => [tie / 128, -tie / 128]);
  const { scale, weights } = decode('F32', floats(127 / 128, ...ties));
  expect(scale).toBe(1 / 128);
  expect(weights.slice(1, 31)).toEqual(
    Array.from({ length: 15 }, (_, i) => i * 8 + 1).flatMap((rounded) => [rounded, -rounded]),
  );
  expect(decode('F32', floats(127 / 128, ...ties.map(under))).weights.slice(1, 31)).toEqual(
    Array.from({ length: 15 }, (_, i) => i * 8).flatMap((rounded) => [rounded, rounded === 0 ? 0 : -rounded]),
  );
});

test('X-10: a scale below the normal halves may be too small for its weights, which then end at 127', () => {
  const unit = 2 ** -24;
  const { scale, weights } = decode('F32', floats(180 * unit, -180 * unit, 127 * unit, 126.5 * unit, -3 * unit));
  expect([scale, ...weights.slice(0, 5)]).toEqual([unit, 127, -127, 127, 127, -3]);
});

test('X-10: a group too small for any scale is all zero', () => {
  const { scale, weights } = decode('F32', floats(63.5 * 2 ** -24, -1e-9));
  expect([scale, weights]).toEqual([0, Array(32).fill(0)]);
});

test('X-10: the largest scale is the largest half', () => {
  expect(decode('F32', floats(65_519 * 127)).scale).toBe(65_504);
  expect(() => decode('F32', floats(65_520 * 127))).toThrow(
    'The model has a weight that is not a number, or too large.',
  );
});

test.each([
  ['F16', (value: number) => (value === 1 ? 0x3c00 : 0xb800), [0x7c00, 0xfc00, 0x7e01]],
  ['BF16', (value: number) => (value === 1 ? 0x3f80 : 0xbf00), [0x7f80, 0xff80, 0x7fc0]],
] as const)('X-10: %s is read as the number that it is', (type, bits, notNumbers) => {
  const group = Uint16Array.from({ length: 32 }, (_, i) => bits(i === 0 ? 1 : -0.5));
  const { scale, weights } = decode(type, new Uint8Array(group.buffer));
  // 1 / 127 as a half is 0.00787353515625.
  expect([scale, ...weights.slice(0, 3)]).toEqual([0.00787353515625, 127, -64, -64]);
  for (const bad of notNumbers) {
    group[5] = bad;
    expect(() => decode(type, new Uint8Array(group.buffer))).toThrow('The model has a weight that is not a number');
  }
});

test('X-10: Q4_0 has its low nibbles first', () => {
  const bytes = Uint8Array.from({ length: 18 }, (_, i) => (i < 2 ? ([0x00, 0x3c][i] ?? 0) : 0xf0 | (i - 2)));
  expect(decode('Q4_0', bytes)).toEqual({
    scale: 1,
    weights: [...Array.from({ length: 16 }, (_, i) => i - 8), ...Array(16).fill(7)],
  });
});

test('X-10: Q8_0 stays as it is, -128 too', () => {
  const bytes = Uint8Array.from({ length: 34 }, (_, i) => (i < 2 ? ([0x00, 0xbc][i] ?? 0) : 126 + i));
  expect(decode('Q8_0', bytes)).toEqual({ scale: -1, weights: Array.from({ length: 32 }, (_, i) => i - 128) });
});

test('X-10: other types are not read', () => {
  expect(['Q4_K', 'Q6_K', 'I8', 'MXFP4'].map(groupDecoder)).toEqual([undefined, undefined, undefined, undefined]);
});
