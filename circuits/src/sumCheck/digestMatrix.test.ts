import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import type { SumCheckShape } from '../shapes/shape.ts';
import { digestMatrix } from './digestMatrix.ts';

const shape: SumCheckShape = {
  kind: 'sumCheckLinear',
  rows: 2,
  columns: 3,
  inputBits: 16,
  shift: 10,
  outputBits: 16,
};
const ENTRIES = [
  [1, -2, 3],
  [-(2 ** 52) - 1, 0, 2 ** 40 + 7],
];
const BIAS = [-5, 2 ** 33];
const digestOf = (entries = ENTRIES, bias: readonly number[] = BIAS, other: Partial<SumCheckShape> = {}): bigint =>
  digestMatrix(
    { ...shape, ...other },
    {
      rows: other.rows ?? 2,
      columns: other.columns ?? 3,
      row: (i) => entries[i] ?? [],
      bias: (i) => bias[i] ?? 0,
    },
  ).digest;

test('Z-71: SHA-256 of shape, weights and biases, without its three highest bits', () => {
  const hash = createHash('sha256').update('karmesh:matrix');
  const integers = [2, 3, 16, 10, 16, ...(ENTRIES[0] ?? []), -5, ...(ENTRIES[1] ?? []), 2 ** 33];
  for (const integer of integers) {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(integer));
    hash.update(bytes);
  }
  expect(digestOf()).toBe(BigInt(`0x${hash.digest('hex')}`) % 2n ** 253n);
  expect(digestOf().toString(16)).toMatchInlineSnapshot(
    `"12e34351b65a5db8f65a29f2218970a0fdabc9d590309f9ac0e4e6ddafaea464"`,
  );
});

test('Z-71: every weight, bias and width counts', () => {
  const digests = [digestOf()];
  for (const [i, row] of ENTRIES.entries())
    for (const j of row.keys())
      digests.push(
        digestOf(ENTRIES.map((entries, k) => entries.map((entry, l) => entry + (i === k && j === l ? 1 : 0)))),
      );
  for (const i of BIAS.keys())
    digests.push(
      digestOf(
        ENTRIES,
        BIAS.map((entry, k) => entry + (i === k ? 1 : 0)),
      ),
    );
  for (const other of [{ inputBits: 17 }, { shift: 11 }, { outputBits: 17 }])
    digests.push(digestOf(ENTRIES, BIAS, other));
  // The same integers in rows of another length.
  digests.push(
    digestOf(
      [
        [1, -2],
        [-5, 3],
        [0, 7],
      ],
      [3, 0, 2],
      { rows: 3, columns: 2 },
    ),
  );
  expect(new Set(digests).size).toBe(digests.length);
});

test('a matrix without biases is one whose biases are 0', () => {
  const row = (i: number): readonly number[] => ENTRIES[i] ?? [];
  expect(digestMatrix(shape, { rows: 2, columns: 3, row }).digest).toBe(digestOf(ENTRIES, [0, 0]));
});

test('refuses a matrix of another shape, one that is too large, and what is no integer', () => {
  const weights = { rows: 2, columns: 3, row: () => [1, 2, 3] };
  expect(() => digestMatrix({ ...shape, rows: 3 }, weights)).toThrow('The matrix has another shape than its circuit.');
  const large = { ...shape, columns: 2 ** 15 + 1 };
  expect(() => digestMatrix(large, { ...weights, columns: 2 ** 15 + 1 })).toThrow(
    'A matrix has at most 2^15 rows and columns.',
  );
  expect(() => digestMatrix(shape, { ...weights, bias: () => 0.5 })).toThrow('A weight is an integer below 2^53.');
  expect(() => digestMatrix(shape, { ...weights, row: () => [1, 2, 2 ** 53] })).toThrow(
    'A weight is an integer below 2^53.',
  );
});
